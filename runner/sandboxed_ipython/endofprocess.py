"""When a child has ended, told by the process itself: a process that traces it can keep its exit from its parent for ever."""

import os
import select

from . import linux
from .proctable import process_of

#: Seconds between two looks where Linux has no descriptor for a process.
_LOOK = 1.0


class EndOfProcess:
    """Calls ``on_end()`` once, when all threads of the child ``pid`` have ended. The child must not have been reaped yet."""

    def __init__(self, reactor, pid, on_end):
        self._reactor = reactor
        self._pid = pid
        self._on_end = on_end
        self._closed = False
        try:
            self._fd = linux.open_pidfd(pid)
        except OSError:
            self._fd = None
            reactor.after(_LOOK, self._look)
        else:
            os.set_inheritable(self._fd, False)
            reactor.watch(self._fd, on_read=self._told)

    def has_come(self):
        """Whether it has ended, reaped or not."""
        if self._fd is None:
            process = process_of(self._pid)
            return process is None or process.has_ended
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(0))

    def close(self):
        """It is not told any more; may be called twice."""
        if not self._closed:
            self._closed = True
            if self._fd is not None:
                self._reactor.unwatch(self._fd)
                os.close(self._fd)
                self._fd = None

    def _told(self):
        self._reactor.unwatch(self._fd)
        self._on_end()

    def _look(self):
        if self._closed:
            return
        if self.has_come():
            self._on_end()
        else:
            self._reactor.after(_LOOK, self._look)

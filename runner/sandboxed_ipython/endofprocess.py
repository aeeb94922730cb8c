"""Notices the end of a child from the process itself. A process that traces the child can keep its exit from its parent
forever.
"""

import os
import select

from . import linux
from .proctable import process_of

#: Seconds between two looks where Linux has no process descriptors.
_LOOK_SECONDS = 1.0


class EndOfProcess:
    """Calls ``on_end()`` once, when all threads of the child ``pid`` have ended. The child must not have been reaped
    yet.
    """

    def __init__(self, reactor, pid, on_end):
        self._reactor = reactor
        self._pid = pid
        self._on_end = on_end
        self._closed = False
        try:
            self._fd = linux.open_pidfd(pid)
        except OSError:
            self._fd = None
            reactor.after(_LOOK_SECONDS, self._look)
        else:
            os.set_inheritable(self._fd, False)
            reactor.watch(self._fd, on_read=self._on_readable)

    def has_come(self) -> bool:
        """Returns whether the child has ended, reaped or not."""
        if self._fd is None:
            process = process_of(self._pid)
            return process is None or process.has_ended
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Stops watching. May be called twice."""
        if not self._closed:
            self._closed = True
            if self._fd is not None:
                self._reactor.unwatch(self._fd)
                os.close(self._fd)
                self._fd = None

    def _on_readable(self):
        self._reactor.unwatch(self._fd)
        self._on_end()

    def _look(self):
        if self._closed:
            return
        if self.has_come():
            self._on_end()
        else:
            self._reactor.after(_LOOK_SECONDS, self._look)

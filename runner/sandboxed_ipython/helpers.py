"""Children of the supervisor that do what would hold up its loop."""

import logging
import os
import traceback

from . import deadman

log = logging.getLogger(__name__)


class Helpers:
    """Forked from the supervisor, so no cell can look into one. A cell can end one, which then is begun again, a few times."""

    _TRIES = 3

    def __init__(self):
        self._running = {}  # pid → (work, on_end, tries left)

    @property
    def pids(self):
        return set(self._running)

    def start(self, work, on_end):
        """Calls ``work()`` in a child, and ``on_end()`` here when it is done, or cannot be done. Where no child can be had, both at once."""
        self._start(work, on_end, self._TRIES)

    def on_exit(self, pid, status):
        """A child has ended with ``waitpid``'s status. False: it is none of these."""
        if pid not in self._running:
            return False
        work, on_end, tries = self._running.pop(pid)
        if status and tries:
            log.warning("a helper ended with status %d: it is begun again", status)
            self._start(work, on_end, tries)
        else:
            on_end()
        return True

    def _start(self, work, on_end, tries):
        try:
            pid = os.fork()
        except OSError as error:
            log.warning("no helper could be forked: %s", error.strerror)
            work()
            on_end()
            return
        if pid == 0:
            _live(work)
        self._running[pid] = work, on_end, tries - 1


def _live(work):
    status = 1
    try:
        deadman.disarm()
        os.closerange(3, 65536)  # a host's stream, above all, must end when the supervisor lets it go
        work()
        status = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(status)

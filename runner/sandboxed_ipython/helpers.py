"""Runs work that would hold up the supervisor's loop in child processes."""

import logging
import os
import traceback

from . import deadman

log = logging.getLogger(__name__)


class Helpers:
    """Child processes that are forked from the supervisor. No cell can look into one. A cell can kill one; its work is
    then started again, up to three times in all.
    """

    _TRIES = 3

    def __init__(self):
        self._running = {}  # pid → (work, on_end, tries left)

    @property
    def pids(self) -> set[int]:
        """The pids of the running helpers."""
        return set(self._running)

    def start(self, work, on_end) -> None:
        """Calls ``work()`` in a child, and then ``on_end()`` in this process, also if the work failed. If no child can
        be forked, both are called here at once.
        """
        self._start(work, on_end, self._TRIES)

    def on_exit(self, pid: int, status: int) -> bool:
        """Handles the exit of a child, with the status of ``waitpid``. Returns False if the child is no helper."""
        if pid not in self._running:
            return False
        work, on_end, tries = self._running.pop(pid)
        if status and tries:
            log.warning("a helper ended with status %d and is started again", status)
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
        os.closerange(3, 65536)  # above all, a host's stream must end when the supervisor closes it
        work()
        status = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(status)

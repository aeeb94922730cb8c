"""Whom Linux ends when the sandbox's memory is used up: its highest ``oom_score_adj`` first, and the largest among equals.

The supervisor has 0, as the engine gave it; what cells run has 1000. A process may lower its own again to what the engine gave
(only the engine could forbid that), so many small processes could make the supervisor the largest: while a cell runs, what
was lowered is raised again.
"""

import os
import signal
import time

from .proctable import is_of_cells

HIGHEST = 1000
#: Seconds of processor time that a look may take: some 25 processes.
_LOOK_SECONDS = 0.0005


def raise_own():
    """Offers this process to the memory limit before the supervisor. It must be dumpable: else the file is root's."""
    try:
        _write("self")
    except OSError:
        pass  # an insurance only: the largest process is chosen anyway


class LoweredScores:
    """Raises what cells have lowered, and ends a process that has lowered its score and then made itself unreachable.

    A look takes a part of the processes, as the supervisor may get little of a processor beside many of them: a long look would cost
    it the turn in which it answers. ``forked_pids()`` gives what the supervisor has forked from itself; none of that is ended: where
    no cell runs yet, it is both by design.
    """

    def __init__(self, forked_pids):
        self._forked_pids = forked_pids
        self._unseen = []  # pids, as digits, that were there when the last round of looks began

    def look(self):
        """Takes :data:`_LOOK_SECONDS` of processor time, and as many looks for one round as that makes."""
        end = time.thread_time() + _LOOK_SECONDS
        if not self._unseen:
            self._unseen = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
        while self._unseen and time.thread_time() < end:
            name = self._unseen.pop()
            if _read(name) not in (HIGHEST, None) and not _raise(name):
                self._end(int(name))

    def _end(self, pid):
        if pid not in self._forked_pids() and is_of_cells(pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # it has ended


def _raise(pid):
    """False: Linux does not let us, though it is there."""
    try:
        _write(pid)
    except PermissionError:
        return False
    except OSError:
        pass  # it has ended
    return True


def _read(pid):
    try:
        with open("/proc/%s/oom_score_adj" % pid, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _write(pid):
    with open("/proc/%s/oom_score_adj" % pid, "w", encoding="ascii") as file:
        file.write(str(HIGHEST))

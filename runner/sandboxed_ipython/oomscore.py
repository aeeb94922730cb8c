"""The order in which Linux kills processes when the sandbox's memory is used up: highest ``oom_score_adj`` first, and
the largest process among equals.

The supervisor has 0, as the engine set it; processes of cells have 1000. A process may lower its own score again down
to what the engine set (only the engine could forbid that), so many small processes could make the supervisor the
largest one. Therefore lowered scores are raised again, often while a cell runs.
"""

import os
import signal
import time

from .proctable import is_of_cells

MAX_SCORE = 1000
#: Seconds of processor time that one look may take: enough for some 25 processes.
_LOOK_SECONDS = 0.0005


def raise_own() -> None:
    """Makes the memory limit kill this process before the supervisor. The process must be dumpable, else the file
    belongs to root.
    """
    try:
        _write("self")
    except OSError:
        pass  # only a precaution: the largest process is killed anyway


class LoweredScores:
    """Raises scores that cells have lowered, and kills a process that has lowered its score and then made itself
    unreachable.

    One look covers a part of the processes, because the supervisor may get little processor time beside many of them,
    and a long look would delay its answers.

    Args:
        forked_pids: ``forked_pids()`` returns the pids that the supervisor has forked from itself. None of these is
            killed: a kernel in which no cell runs yet is unreachable and has a low score by design.
    """

    def __init__(self, forked_pids):
        self._forked_pids = forked_pids
        self._unseen = []  # pids, as digits, that are still to be looked at in this round of looks

    def look(self) -> None:
        """Takes :data:`_LOOK_SECONDS` of processor time. Several looks make one round over all processes."""
        end = time.thread_time() + _LOOK_SECONDS
        if not self._unseen:
            self._unseen = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
        while self._unseen and time.thread_time() < end:
            name = self._unseen.pop()
            if _read(name) not in (MAX_SCORE, None) and not _raise(name):
                self._end(int(name))

    def _end(self, pid):
        if pid not in self._forked_pids() and is_of_cells(pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # the process has ended


def _raise(pid):
    """Returns False if Linux refuses, though the process exists."""
    try:
        _write(pid)
    except PermissionError:
        return False
    except OSError:
        pass  # the process has ended
    return True


def _read(pid):
    try:
        with open("/proc/%s/oom_score_adj" % pid, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _write(pid):
    with open("/proc/%s/oom_score_adj" % pid, "w", encoding="ascii") as file:
        file.write(str(MAX_SCORE))

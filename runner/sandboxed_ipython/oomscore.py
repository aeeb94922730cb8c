"""Whom Linux ends when the sandbox's memory is used up: its highest ``oom_score_adj`` first, and the largest among equals.

The supervisor has 0, as the engine gave it; what cells run has 1000. A process may lower its own again to what the engine gave
(only the engine could forbid that), so many small processes could make the supervisor the largest: while a cell runs, what
was lowered is raised again.
"""

import os
import signal

from .proctable import process_of, processes_of_cells

HIGHEST = 1000


def raise_own():
    """Offers this process to the memory limit before the supervisor. It must be dumpable: else the file is root's."""
    try:
        _write("self")
    except OSError:
        pass  # an insurance only: the largest process is chosen anyway


def raise_lowered(forked):
    """Raises what cells have lowered, and ends a process that has lowered it and then made itself unreachable.

    Of ``forked``, the pids of what the supervisor has forked from itself, none is ended: where no cell runs yet, it is both by design.
    """
    lowered = {int(name) for name in os.listdir("/proc") if name.isdigit() and _read(name) not in (HIGHEST, None)} - {os.getpid()}
    for pid in lowered.intersection(forked):
        _raise(pid)
    lowered.difference_update(forked)
    if all(process is None or process.parent == 0 for process in map(process_of, lowered)):
        return  # they are of the engine
    for pid in lowered.intersection(process.pid for process in processes_of_cells(frozenset())):
        if not _raise(pid):
            os.kill(pid, signal.SIGKILL)


def _raise(pid):
    """False: Linux does not let us, though it is there."""
    try:
        _write(str(pid))
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

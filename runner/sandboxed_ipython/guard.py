"""What the processes of a running cell may not do to the supervisor: be ended after it, or leave it no time to run."""

import os

from . import oomscore
from .proctable import processes_of_cells

#: Seconds that a look may come late before the cell's processes have to yield.
_LATE = 0.25
_LOWEST_PRIORITY = 19


class Guard:
    """``forked_pids()`` gives the pids of all that the supervisor has forked from itself, ``own_pids()`` of those among them in which
    no cell runs."""

    def __init__(self, forked_pids, own_pids):
        self._forked_pids = forked_pids
        self._own_pids = own_pids

    def look(self, late):
        """Now and then while a cell runs; ``late``: seconds since this look was due."""
        if late > _LATE:
            self._take_precedence()  # and nothing else: it was waited for long enough
        else:
            oomscore.raise_lowered(self._forked_pids())

    def _take_precedence(self):
        """Hundreds of busy processes would leave us a hundredth of a processor. Other containers have a share of their own, so a
        cell that is alone with us loses nothing by it. Children inherit it."""
        spared = {os.getpid(), *self._own_pids()}
        if os.getpid() == 1:  # quickly: without a look at who they are
            pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        else:  # on a host most processes are not ours
            pids = {process.pid for process in processes_of_cells(frozenset())}
        for pid in pids - spared:
            for thread in _threads_of(pid):
                try:
                    os.setpriority(os.PRIO_PROCESS, thread, _LOWEST_PRIORITY)
                except OSError:
                    pass  # it has ended, or is another user's


def _threads_of(pid):
    """The ids of a process's threads: Linux has a priority for each of them."""
    try:
        return [int(name) for name in os.listdir("/proc/%d/task" % pid)]
    except OSError:
        return []  # it has ended

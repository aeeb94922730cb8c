"""What the processes of a running cell may not do to the supervisor: be ended after it, or leave it no time to run."""

import os

from . import oomscore

#: Seconds that a look may come late before the cell's processes have to yield.
_LATE = 0.25
_LOWEST_PRIORITY = 19


class Guard:
    """``kernel_pids()`` gives the pids of all kernel processes, ``waiting_pids()`` of those among them that no cell runs in yet."""

    def __init__(self, kernel_pids, waiting_pids):
        self._kernel_pids = kernel_pids
        self._waiting_pids = waiting_pids

    def look(self, late):
        """Now and then while a cell runs; ``late``: seconds since this look was due."""
        if late > _LATE:
            self._take_precedence()  # and nothing else: it was waited for long enough
        else:
            oomscore.raise_lowered(self._kernel_pids())

    def _take_precedence(self):
        """Hundreds of busy processes would leave us a hundredth of a processor. Other containers have a share of their own, so a
        cell that is alone with us loses nothing by it. Children inherit it."""
        spared = {os.getpid(), *self._waiting_pids()}
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) not in spared:
                try:
                    os.setpriority(os.PRIO_PROCESS, int(name), _LOWEST_PRIORITY)
                except OSError:
                    pass  # it has ended, or is another user's

"""What the processes of cells may not do to the supervisor: be ended after it where memory is used up."""

import time

from . import oomscore

#: Seconds between two looks while a cell runs, and while none does.
_LOOK, _LOOK_AT_REST = 0.1, 1.0


class Guard:
    """``forked_pids()`` gives the pids of all that the supervisor has forked from itself; ``cell_runs()`` tells whether a cell runs."""

    def __init__(self, reactor, forked_pids, cell_runs):
        self._reactor = reactor
        self._cell_runs = cell_runs
        self._scores = oomscore.LoweredScores(forked_pids)
        self._timer = None
        self._wait(_LOOK_AT_REST)

    def begin(self):
        """A cell begins."""
        if self._due > time.monotonic() + _LOOK:
            self._wait(_LOOK)

    def _wait(self, seconds):
        if self._timer is not None:
            self._timer.cancel()
        self._due = time.monotonic() + seconds
        self._timer = self._reactor.after(seconds, self._look)

    def _look(self):
        self._wait(_LOOK if self._cell_runs() else _LOOK_AT_REST)
        self._scores.look()

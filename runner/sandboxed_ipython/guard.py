"""Keeps cells from making the supervisor the process that the memory limit kills first."""

import time

from . import oomscore

#: Seconds between two looks while a cell runs, and while none runs.
_LOOK_SECONDS, _IDLE_LOOK_SECONDS = 0.1, 1.0


class Guard:
    """Looks regularly at the ``oom_score_adj`` of all processes (``oomscore.py``).

    Args:
        reactor: the supervisor's :class:`Reactor`.
        forked_pids: ``forked_pids()`` returns the pids of all processes that the supervisor has forked from itself.
        cell_runs: ``cell_runs()`` returns whether a cell runs.
    """

    def __init__(self, reactor, forked_pids, cell_runs):
        self._reactor = reactor
        self._cell_runs = cell_runs
        self._scores = oomscore.LoweredScores(forked_pids)
        self._timer = None
        self._wait(_IDLE_LOOK_SECONDS)

    def begin(self) -> None:
        """Looks more often from now on, because a cell begins."""
        if self._due > time.monotonic() + _LOOK_SECONDS:
            self._wait(_LOOK_SECONDS)

    def _wait(self, seconds):
        if self._timer is not None:
            self._timer.cancel()
        self._due = time.monotonic() + seconds
        self._timer = self._reactor.after(seconds, self._look)

    def _look(self):
        self._wait(_LOOK_SECONDS if self._cell_runs() else _IDLE_LOOK_SECONDS)
        self._scores.look()

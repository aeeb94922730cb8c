"""The time limit of the cell that runs, in time in which somebody was awake, and the cell computed or had nobody to wait for."""

import time

#: How often elapsed time is counted; a longer gap means that nobody was awake (pause, suspend) and does not count.
_TICK = 0.25
#: Seconds between the time limit's interrupt and its kill.
GRACE = 5.0


class TimeLimit:
    """First ``interrupt(cell)``; ``kill(cell)`` if the cell does not end within :data:`GRACE`. Holds whether or not a host is there.

    While the cell has a prompt or an install open only processor time counts, which ``used()`` gives in seconds: a cell that waits for an answer uses none,
    and one that leaves the prompt to a thread computes on.
    """

    def __init__(self, reactor, interrupt, kill, used):
        self._reactor = reactor
        self._interrupt = interrupt
        self._kill = kill
        self._used = used
        self._timer = None
        self._ticked = 0.0
        self._used_before = None  # at the last tick, where it asked then

    def begin(self, cell):
        """``cell`` runs from now on; ``content["timeout"]`` is in seconds, 0 = none."""
        self.end()
        if cell.content["timeout"]:
            self._ticked = time.monotonic()
            self._used_before = None
            self._wait(cell)

    def end(self):
        """It runs no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, cell):
        self._timer = self._reactor.after(_TICK, lambda: self._tick(cell))

    def _tick(self, cell):
        now = time.monotonic()
        passed, self._ticked = min(now - self._ticked, 2 * _TICK), now
        cell.elapsed += self._computed(passed) if cell.asks else passed
        if not cell.asks:
            self._used_before = None
        self._wait(cell)
        if cell.interrupted_at is None:
            if cell.elapsed >= cell.content["timeout"]:
                cell.interrupted_at = cell.elapsed
                self._interrupt(cell)
        elif cell.elapsed >= cell.interrupted_at + GRACE and not cell.killed_for:
            self._kill(cell)

    def _computed(self, passed):
        """Of ``passed`` seconds those for which something of the cell ran."""
        before, self._used_before = self._used_before, self._used()
        return 0.0 if before is None else min(passed, max(0.0, self._used_before - before))

"""The time limit of the running cell. Only time counts in which the sandbox was awake and the cell computed or waited
for nobody.
"""

import time

#: Seconds between two counts of the elapsed time. A longer gap means that the sandbox was not awake (paused or
#: suspended), and does not count.
_TICK_SECONDS = 0.25
#: Seconds between the interrupt at the time limit and the kill.
GRACE_SECONDS = 5.0


class TimeLimit:
    """Enforces the time limit, whether or not a host is attached.

    While the cell has an open prompt or install, only processor time counts: a cell that waits for an answer uses none,
    and a cell that leaves the prompt to a thread goes on computing.

    Args:
        reactor: the supervisor's reactor.
        interrupt: ``interrupt(cell)`` is called at the time limit.
        kill: ``kill(cell)`` is called if the cell has not ended :data:`GRACE_SECONDS` later.
        used: ``used()`` returns the seconds of processor time that the cell's processes have used.
    """

    def __init__(self, reactor, interrupt, kill, used):
        self._reactor = reactor
        self._interrupt = interrupt
        self._kill = kill
        self._used = used
        self._timer = None
        self._ticked = 0.0
        self._used_before = None  # processor seconds at the last tick, if the cell had an open request then

    def begin(self, cell) -> None:
        """Starts counting for ``cell``. ``content["timeout"]`` is in seconds; 0 means no limit."""
        self.end()
        if cell.content["timeout"]:
            self._ticked = time.monotonic()
            self._used_before = None
            self._wait(cell)

    def end(self) -> None:
        """Stops counting, because the cell has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, cell):
        self._timer = self._reactor.after(_TICK_SECONDS, lambda: self._tick(cell))

    def _tick(self, cell):
        now = time.monotonic()
        passed, self._ticked = min(now - self._ticked, 2 * _TICK_SECONDS), now
        cell.elapsed += self._computed(passed) if cell.asks else passed
        if not cell.asks:
            self._used_before = None
        self._wait(cell)
        if cell.interrupted_at is None:
            if cell.elapsed >= cell.content["timeout"]:
                cell.interrupted_at = cell.elapsed
                self._interrupt(cell)
        elif cell.elapsed >= cell.interrupted_at + GRACE_SECONDS and not cell.killed_for:
            self._kill(cell)

    def _computed(self, passed):
        """Returns for how many of the ``passed`` seconds a process of the cell used a processor."""
        before, self._used_before = self._used_before, self._used()
        return 0.0 if before is None else min(passed, max(0.0, self._used_before - before))

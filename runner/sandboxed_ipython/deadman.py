"""Ends the supervisor when one turn of its loop does not end, so that the sandbox ends visibly instead of hanging for
ever.
"""

import os
import signal
import time
import traceback

#: Exit status of a sandbox whose supervisor hung; ``src/session/failures.ts`` has the same number.
EXIT_STUCK = 77
#: Seconds that one turn of the loop may take.
LIMIT_SECONDS = 10
#: Seconds between two ticks of the timer, and seconds between two ticks that count at least: a cell can send the same
#: signal.
_TICK_SECONDS = 1.0
_MIN_TICK_SECONDS = 0.9


class Deadman:
    """Counts the seconds of a turn with the signal of a timer. The signal also interrupts a system call that waits.

    The sum is counted in ticks and not read from a clock, because no ticks come while a container is paused or its
    machine sleeps. A signal that a cell sends shortens nothing: it comes too early to count, or comes while the loop
    waits, when no tick counts.
    """

    def __init__(self):
        self._ticks = 0
        self._ticked = 0.0
        self._in_turn = False
        signal.signal(signal.SIGALRM, self._on_tick)

    def begin(self) -> None:
        """Starts counting: a turn begins."""
        self._ticks = 0
        self._ticked = time.monotonic()
        self._in_turn = True
        signal.setitimer(signal.ITIMER_REAL, _TICK_SECONDS, _TICK_SECONDS)

    def end(self) -> None:
        """Stops counting: the turn is over, and the loop may wait for as long as it likes."""
        self._in_turn = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _on_tick(self, _number, frame):
        now = time.monotonic()
        if not self._in_turn or now - self._ticked < _MIN_TICK_SECONDS:
            return
        self._ticks += 1
        self._ticked = now
        if self._ticks < LIMIT_SECONDS:
            return
        where = "".join(traceback.format_stack(frame, 12))
        os.write(
            2,
            ("the supervisor's loop has not gone on for %d s; it is at:\n%s" % (LIMIT_SECONDS, where)).encode(
                "utf-8", "replace"
            ),
        )
        os._exit(EXIT_STUCK)


def disarm() -> None:
    """Removes the supervisor's signal handler in a forked child. (Timers are not inherited.)"""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)

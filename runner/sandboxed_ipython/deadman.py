"""Ends the supervisor when a turn of its loop does not end: an honest exit in place of a sandbox that hangs for ever."""

import os
import signal
import time
import traceback

#: Exit status of a sandbox whose supervisor hung; ``src/session/failures.ts`` has the same.
EXIT_STUCK = 77
#: Seconds that a turn of the loop may take.
LIMIT_SECONDS = 10
#: Seconds between two ticks of the timer, and the least that counts as one: a cell can send the same signal.
_TICK_SECONDS = 1.0
_LEAST_TICK_SECONDS = 0.9


class Deadman:
    """Counts the seconds of a turn by a timer's signal, which also interrupts a system call that waits.

    Ticks are counted and no clock is read for the sum: while a container is paused, or its machine sleeps, no ticks come.
    A signal that a cell sends shortens nothing: it comes too early to count, or while the loop waits, when none counts.
    """

    def __init__(self):
        self._ticks = 0
        self._ticked = 0.0
        self._in_turn = False
        signal.signal(signal.SIGALRM, self._on_tick)

    def begin(self):
        """A turn begins."""
        self._ticks = 0
        self._ticked = time.monotonic()
        self._in_turn = True
        signal.setitimer(signal.ITIMER_REAL, _TICK_SECONDS, _TICK_SECONDS)

    def end(self):
        """The turn is over, and the loop may wait for as long as it likes."""
        self._in_turn = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _on_tick(self, _number, frame):
        now = time.monotonic()
        if not self._in_turn or now - self._ticked < _LEAST_TICK_SECONDS:
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


def disarm():
    """In a forked child: the handler is the supervisor's own. (Timers are not inherited.)"""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)

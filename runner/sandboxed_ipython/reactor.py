"""The supervisor's loop: one thread and one selector, with callbacks for descriptors and timers, in turns that are
bounded in time.

Each callback does at least one piece of work, and continues with the next piece only while :attr:`Reactor.turn_is_over`
is False. So a descriptor that always has more data (a flood) delays the others by little more than
:data:`TURN_SECONDS`.
"""

import heapq
import itertools
import logging
import selectors
import time

log = logging.getLogger(__name__)

#: Seconds after which the callbacks of a turn leave the rest of their work to the next turn.
TURN_SECONDS = 0.02
#: Number of exceptions of callbacks without an owner, within this many seconds, at which the supervisor gives up.
_MAX_FAULTS = 20
_FAULT_SECONDS = 10.0


class Timer:
    """A callback at a time. ``cancel`` is cheap and may be called twice."""

    __slots__ = ("callback", "cancelled", "on_fault")

    def __init__(self, callback, on_fault):
        self.callback = callback
        self.on_fault = on_fault
        self.cancelled = False

    def cancel(self) -> None:
        """Keeps the callback from being called."""
        self.cancelled = True


class Reactor:
    """Runs callbacks: first those of descriptors that became ready, then those of timers that are due.

    A callback that raises ends only its owner (see :meth:`owned`): the exception is logged, and the owner's
    ``on_fault`` is called. If callbacks without an owner raise again and again, :meth:`turn` raises the exception.

    Args:
        deadman: a :class:`Deadman`, which must know when each turn begins and ends, or None.
    """

    def __init__(self, deadman=None):
        # poll(2) is used because the watches of epoll are counted per user, and a cell, which is the same user, can use
        # them all up.
        self._selector = selectors.PollSelector()
        self._timers = []
        self._order = itertools.count()
        self._deadman = deadman
        self._turn_end = 0.0
        self._faults = []  # times at which callbacks without an owner raised
        #: Called at the end of each turn.
        self.at_turn_end = None
        self.running = True

    @property
    def turn_is_over(self) -> bool:
        """Whether a callback should leave the rest of its work to the next turn."""
        return time.monotonic() >= self._turn_end

    def owned(self, on_fault):
        """Returns this reactor for an owner: ``on_fault()`` is called when a callback that was set through it has
        raised.
        """
        return _OwnedReactor(self, on_fault)

    def watch(self, fd: int, on_read=None, on_write=None, on_fault=None) -> None:
        """Sets the callbacks for ``fd`` being readable and writable. If both are None, ``fd`` is not watched any more."""
        mask = (selectors.EVENT_READ if on_read else 0) | (selectors.EVENT_WRITE if on_write else 0)
        known = self._selector.get_map().get(fd)
        if not mask:
            if known:
                self._selector.unregister(fd)
        elif known:
            self._selector.modify(fd, mask, (on_read, on_write, on_fault))
        else:
            self._selector.register(fd, mask, (on_read, on_write, on_fault))

    def unwatch(self, fd: int) -> None:
        """Stops watching ``fd``."""
        self.watch(fd)

    def after(self, seconds: float, callback, on_fault=None) -> Timer:
        """Calls ``callback()`` once, after ``seconds``. Returns the :class:`Timer`, which can be cancelled."""
        timer = Timer(callback, on_fault)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def gradually(self, steps, on_fault=None) -> bool:
        """Takes the steps of an iterator: at least one now, and the others in later turns if this turn is over. Returns
        whether all steps are done.
        """
        for _ in steps:
            if self.turn_is_over:
                self.after(0.0, lambda: self.gradually(steps, on_fault), on_fault)
                return False
        return True

    def turn(self) -> None:
        """Waits once, and runs the callbacks that are due. A callback may unwatch a descriptor that is ready in the
        same turn.
        """
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        ready = self._selector.select(timeout)
        if self._deadman:
            self._deadman.begin()
        self._turn_end = time.monotonic() + TURN_SECONDS
        for key, events in ready:
            for bit, which in ((selectors.EVENT_READ, 0), (selectors.EVENT_WRITE, 1)):
                if events & bit:
                    current = self._selector.get_map().get(key.fd)
                    if current is not None and current.data[which]:
                        self.guarded(current.data[which], current.data[2])
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                self.guarded(timer.callback, timer.on_fault)
        if self.at_turn_end:
            self.guarded(self.at_turn_end)
        if self._deadman:
            self._deadman.end()

    def guarded(self, callback, on_fault=None) -> None:
        """Calls a callback. Its exception is logged and reaches only the owner."""
        try:
            callback()
        except Exception:
            log.exception("a callback of the supervisor failed")
            if on_fault is None:
                self._count_fault()
                return
            try:
                on_fault()
            except Exception:
                log.exception("the owner of the callback could not be ended")
                self._count_fault()

    def _count_fault(self):
        now = time.monotonic()
        self._faults = [*(at for at in self._faults if at > now - _FAULT_SECONDS), now]
        if len(self._faults) >= _MAX_FAULTS:
            raise


class _OwnedReactor:
    """The part of a :class:`Reactor` that an owner needs."""

    def __init__(self, reactor, on_fault):
        self._reactor = reactor
        self._on_fault = on_fault

    @property
    def turn_is_over(self):
        return self._reactor.turn_is_over

    def watch(self, fd, on_read=None, on_write=None):
        self._reactor.watch(fd, on_read, on_write, self._on_fault)

    def unwatch(self, fd):
        self._reactor.watch(fd)

    def after(self, seconds, callback):
        return self._reactor.after(seconds, callback, self._on_fault)

    def gradually(self, steps):
        return self._reactor.gradually(steps, self._on_fault)

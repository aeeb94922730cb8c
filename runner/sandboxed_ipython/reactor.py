"""One thread, one selector: readiness callbacks and timers of the supervisor, in turns that are bounded in time.

Each callback does one piece of work at least, and goes on with the next only while :attr:`Reactor.turn_is_over` is False.
So a descriptor that always has more (a flood) delays the others by little more than :data:`TURN_SECONDS`.
"""

import heapq
import itertools
import logging
import selectors
import time

log = logging.getLogger(__name__)

#: Seconds after which the callbacks of a turn leave the rest of their work to the next turn.
TURN_SECONDS = 0.02
#: Faults of callbacks that belong to nobody, within as many seconds, at which the supervisor gives up.
_MAX_FAULTS = 20
_FAULT_SECONDS = 10.0


class Timer:
    """A callback at a time; ``cancel`` is cheap and can be called twice."""

    __slots__ = ("callback", "cancelled", "on_fault")

    def __init__(self, callback, on_fault):
        self.callback = callback
        self.on_fault = on_fault
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


class Reactor:
    """Callbacks run in the order: descriptors that became ready, then timers that are due.

    A callback that raises ends nothing but its owner (see :meth:`owned`): the exception is logged, and ``on_fault`` of the owner
    is called. ``deadman`` is told when a turn begins and ends. Without an owner a callback that raises again and again makes
    :meth:`turn` raise its exception.
    """

    def __init__(self, deadman=None):
        # By poll(2): the watches of epoll are counted per user, and a cell, which is the same user, can use them all up.
        self._selector = selectors.PollSelector()
        self._timers = []
        self._order = itertools.count()
        self._deadman = deadman
        self._turn_end = 0.0
        self._faults = []  # when callbacks without an owner raised
        #: Called at the end of each turn.
        self.at_turn_end = None
        self.running = True

    @property
    def turn_is_over(self):
        """Whether a callback should leave the rest of its work to the next turn."""
        return time.monotonic() >= self._turn_end

    def owned(self, on_fault):
        """The same reactor for an owner: ``on_fault()`` is called when one of the callbacks that are set through it has raised."""
        return _OwnedReactor(self, on_fault)

    def watch(self, fd, on_read=None, on_write=None, on_fault=None):
        """Sets what happens when ``fd`` is readable or writable; both None: no longer watched."""
        mask = (selectors.EVENT_READ if on_read else 0) | (selectors.EVENT_WRITE if on_write else 0)
        known = self._selector.get_map().get(fd)
        if not mask:
            if known:
                self._selector.unregister(fd)
        elif known:
            self._selector.modify(fd, mask, (on_read, on_write, on_fault))
        else:
            self._selector.register(fd, mask, (on_read, on_write, on_fault))

    def unwatch(self, fd):
        self.watch(fd)

    def after(self, seconds, callback, on_fault=None):
        """Calls ``callback()`` once, in ``seconds``, unless the returned :class:`Timer` is cancelled before."""
        timer = Timer(callback, on_fault)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def gradually(self, steps, on_fault=None):
        """Takes the steps of an iterator, one at least now, the others in later turns where this one is over. Returns whether all are done."""
        for _ in steps:
            if self.turn_is_over:
                self.after(0.0, lambda: self.gradually(steps, on_fault), on_fault)
                return False
        return True

    def turn(self):
        """One wait and what it woke. A callback may unwatch a descriptor that is ready in the same turn."""
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

    def guarded(self, callback, on_fault=None):
        """Calls a callback; its exception is logged and reaches the owner alone."""
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
    """What an owner needs of a :class:`Reactor`."""

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

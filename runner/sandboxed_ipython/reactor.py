"""One thread, one selector: readiness callbacks and timers of the supervisor."""

import heapq
import itertools
import selectors
import time


class Timer:
    """A callback at a time; ``cancel`` is cheap and can be called twice."""

    __slots__ = ("callback", "cancelled")

    def __init__(self, callback):
        self.callback = callback
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


class Reactor:
    """Callbacks run in the order: descriptors that became ready, then timers that are due."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._timers = []
        self._order = itertools.count()
        self.running = True

    def watch(self, fd, on_read=None, on_write=None):
        """Sets what happens when ``fd`` is readable or writable; both None: no longer watched."""
        mask = (selectors.EVENT_READ if on_read else 0) | (selectors.EVENT_WRITE if on_write else 0)
        known = self._selector.get_map().get(fd)
        if not mask:
            if known:
                self._selector.unregister(fd)
        elif known:
            self._selector.modify(fd, mask, (on_read, on_write))
        else:
            self._selector.register(fd, mask, (on_read, on_write))

    def unwatch(self, fd):
        self.watch(fd)

    def after(self, seconds, callback):
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def run(self):
        while self.running:
            self.turn()

    def turn(self):
        """One wait and what it woke. A callback may unwatch a descriptor that is ready in the same turn."""
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        for key, events in self._selector.select(timeout):
            for bit, which in ((selectors.EVENT_READ, 0), (selectors.EVENT_WRITE, 1)):
                if events & bit:
                    current = self._selector.get_map().get(key.fd)
                    if current is not None and current.data[which]:
                        current.data[which]()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                timer.callback()

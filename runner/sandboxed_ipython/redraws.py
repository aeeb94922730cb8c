"""Output that is cleared and made anew faster than anybody can look: what is replaced at once is never logged."""

import time

#: Seconds for which a drawing stays at least: no window draws faster.
_PAUSE = 0.05
#: Bytes that redrawing may bring a second. A drawing that is long stays longer, but at most so many seconds.
_RATE = 4_000_000
_LONGEST = 1.0
#: What a cleared cell shows no more. (An update may be of a display in another cell.)
_CLEARED = frozenset(("stream", "display_data", "execute_result", "error", "clear_output"))


class Redraws:
    """From a ``clear_output`` that comes too early all that follows is held, in order, until it is due or something else has to
    be logged (:meth:`flush`); another ``clear_output`` of the same cell meanwhile takes the place of what is held of it.

    So the last drawing is always logged, and a loop costs a host no more than an animation does. ``room``: bytes that are
    held; beyond it they are logged at once.
    """

    def __init__(self, reactor, room):
        self._reactor = reactor
        self._room = room
        self._held = []  # (parent, or "" where a clear_output is no matter, size, series, last, write)
        self._size = 0
        self._timer = None
        self._drawn, self._bytes = float("-inf"), 0
        self._cut = set()  # series whose beginning was replaced

    def put(self, kind, parent, size, write, series="", last=True):
        """``write()`` logs an event of ``size`` bytes, or one piece of a ``series`` of them that is ``last`` or not."""
        if series in self._cut:
            if last:
                self._cut.discard(series)
            return
        if kind == "clear_output":
            self._on_clear(parent)
        if self._timer is None:
            self._bytes += size
            write()
            return
        self._held.append((parent if kind in _CLEARED else "", size, series, last, write))
        self._size += size
        if self._size > self._room:
            self.flush()

    def flush(self):
        """Logs what is held."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        held, self._held = self._held, []
        self._drawn, self._bytes, self._size = time.monotonic(), self._size, 0
        for *_, write in held:
            write()

    def _on_clear(self, parent):
        if self._timer is not None:
            replaced = [one for one in self._held if one[0] == parent]
            self._held = [one for one in self._held if one[0] != parent]
            self._size -= sum(size for _, size, *_ in replaced)
            ended = {series for _, _, series, last, _ in replaced if last}
            self._cut.update(series for _, _, series, _, _ in replaced if series not in ended)
            return
        now = time.monotonic()
        due = self._drawn + min(_LONGEST, max(_PAUSE, self._bytes / _RATE))
        if now < due:
            self._timer = self._reactor.after(due - now, self.flush)
        else:
            self._drawn, self._bytes = now, 0

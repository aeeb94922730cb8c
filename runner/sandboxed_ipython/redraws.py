"""Output that is cleared or updated faster than anybody can look: what is replaced at once is never logged."""

import time

#: Seconds for which a drawing stays at least: no window draws faster.
_PAUSE = 0.05
#: Bytes that redrawing may bring a second. A drawing that is long stays longer, but at most so many seconds.
_RATE = 4_000_000
_LONGEST = 1.0
#: What stands in a cell until that is cleared. (An update may be of a display in another cell.)
_SHOWN = frozenset(("stream", "display_data", "execute_result", "error", "notice"))


class _Held:
    """An event that is not logged yet, or one piece of a ``series`` of them."""

    __slots__ = ("display", "is_clear", "last", "parent", "series", "shown", "size", "write")

    def __init__(self, kind, parent, size, write, series, last, display):
        self.is_clear = kind == "clear_output"
        self.shown = kind in _SHOWN
        self.parent = parent
        self.size = size
        self.write = write
        self.series = series
        self.last = last
        self.display = display


class Redraws:
    """From a ``clear_output``, or an update of a display, that comes too early all that follows is held, in order, until it is
    due or something else has to be logged (:meth:`flush`). Meanwhile what is replaced is dropped: a display's update by the
    next one of the same display, a cell's outputs by its ``clear_output``, and where that waits for the next output, by that.

    So the last drawing is always logged, and a loop costs a host no more than an animation does. ``room``: bytes that are
    held; beyond it they are logged at once.
    """

    def __init__(self, reactor, room):
        self._reactor = reactor
        self._room = room
        self._held = []
        self._size = 0
        self._clearing = {}  # parent → its held clear_output that waits for an output
        self._updates = {}  # display_id → its held update
        self._timer = None
        self._drawn, self._bytes = float("-inf"), 0
        self._cut = set()  # series whose beginning was replaced

    def put(self, kind, parent, size, write, series="", last=True, wait=False, display=""):
        """``write()`` logs an event of ``size`` bytes, or one piece of a ``series`` of them that is ``last`` or not.

        ``wait``: of a ``clear_output``. ``display``: ``display_id`` of an update.
        """
        if series in self._cut:
            if last:
                self._cut.discard(series)
            return
        if kind == "clear_output" or display:
            self._redraw()
        if self._timer is None:
            self._bytes += size
            write()
            return
        event = _Held(kind, parent, size, write, series, last, display)
        if event.is_clear:
            if not wait:
                self._clearing.pop(parent, None)
                self._drop(parent)
            elif parent in self._clearing:
                return  # nothing was shown since
            else:
                self._clearing[parent] = event
        elif event.shown and parent in self._clearing:
            self._drop(parent, self._clearing.pop(parent))
        elif display:
            self._drop_one(self._updates.get(display))
            self._updates[display] = event
        self._held.append(event)
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
        self._clearing, self._updates = {}, {}
        for event in held:
            event.write()

    def _redraw(self):
        """Begins to hold if the last drawing has not been there for long enough."""
        if self._timer is not None:
            return
        now = time.monotonic()
        due = self._drawn + min(_LONGEST, max(_PAUSE, self._bytes / _RATE))
        if now < due:
            self._timer = self._reactor.after(due - now, self.flush)
        else:
            self._drawn, self._bytes = now, 0

    def _drop(self, parent, clear=None):
        """What stood in the cell is replaced: all of it that is held, but for the ``clear_output`` that has said so."""
        replaced = [
            one for one in self._held if one.parent == parent and (one.shown or one.is_clear) and one is not clear
        ]
        if not replaced:
            return
        gone = set(map(id, replaced))
        self._held = [one for one in self._held if id(one) not in gone]
        self._size -= sum(one.size for one in replaced)
        ended = {one.series for one in replaced if one.last}
        self._cut.update(one.series for one in replaced if one.series not in ended)

    def _drop_one(self, event):
        if event is not None:
            self._held.remove(event)
            self._size -= event.size

"""Drops output that is cleared or updated faster than anybody can see it: what is replaced at once is never logged."""

import time

#: Seconds for which a drawing stays at least. No window draws faster.
_MIN_DRAWING_SECONDS = 0.05
#: Bytes per second that redrawing may log. A long drawing stays longer, but at most this many seconds.
_BYTES_PER_SECOND = 4_000_000
_MAX_DRAWING_SECONDS = 1.0
#: Messages whose output stays in a cell until the cell is cleared. (An update may belong to a display in another cell.)
_SHOWN = frozenset(("stream", "display_data", "execute_result", "error", "notice"))


class _Held:
    """An event that is not logged yet, or one piece of a ``series`` of pieces."""

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
    """Holds output that replaces a drawing too early.

    Holding starts at a ``clear_output``, or an update of a display, that comes too soon after the last drawing. From
    then on all output is held, in order, until it is due or something else has to be logged (:meth:`flush`). Meanwhile
    output that is replaced is dropped: an update of a display by the next update of the same display, and the outputs
    of a cell by its ``clear_output``, or by the next output if that ``clear_output`` waits for it.

    So the last drawing is always logged, and a loop costs a host no more than an animation.

    Args:
        reactor: the supervisor's reactor.
        room: bytes that may be held; beyond them everything is logged at once.
    """

    def __init__(self, reactor, room):
        self._reactor = reactor
        self._max_held_bytes = room
        self._held = []
        self._size = 0
        self._clearing = {}  # parent → its held clear_output that waits for an output
        self._updates = {}  # display_id → its held update
        self._timer = None
        self._drawn, self._bytes = float("-inf"), 0
        self._cut = set()  # ids of series whose beginning was dropped

    def put(
        self,
        kind: str,
        parent: str,
        size: int,
        write,
        series: str = "",
        last: bool = True,
        wait: bool = False,
        display: str = "",
    ) -> None:
        """Logs or holds one event.

        Args:
            kind: the event's ``msg_type``.
            parent: ``msg_id`` of the event's cell.
            size: bytes of the event.
            write: ``write()`` logs the event.
            series: the id of the series if this is a piece of a long event; ``last`` is then True for its last piece.
            wait: ``wait`` of a ``clear_output``.
            display: ``display_id`` of an update.
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
                return  # nothing was shown since the last clear_output
            else:
                self._clearing[parent] = event
        elif event.shown and parent in self._clearing:
            self._drop(parent, self._clearing.pop(parent))
        elif display:
            self._drop_one(self._updates.get(display))
            self._updates[display] = event
        self._held.append(event)
        self._size += size
        if self._size > self._max_held_bytes:
            self.flush()

    def flush(self) -> None:
        """Logs everything that is held."""
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
        """Starts holding if the last drawing has not been visible for long enough."""
        if self._timer is not None:
            return
        now = time.monotonic()
        due = self._drawn + min(_MAX_DRAWING_SECONDS, max(_MIN_DRAWING_SECONDS, self._bytes / _BYTES_PER_SECOND))
        if now < due:
            self._timer = self._reactor.after(due - now, self.flush)
        else:
            self._drawn, self._bytes = now, 0

    def _drop(self, parent, clear=None):
        """Drops all held output of a cell because it is replaced, except ``clear``, the ``clear_output`` that replaces
        it.
        """
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

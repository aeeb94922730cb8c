"""How much the last cells of a kernel may still show."""

import time
from collections import OrderedDict

from . import wire
from .screen import Screen, bytes_of

#: Cells whose late output is still taken.
_REMEMBERED_CELLS = 1000
_OUTPUT = frozenset(("stream", "display_data", "update_display_data", "execute_result", "error"))
#: Bytes by which an error may go over a cell's budget, so that a cell which printed too much still says how it failed.
_ERROR_ROOM = 1024 * 1024
#: An output counts as so many bytes at least: each costs a window more than its text. 100,000 of them fit into the default.
_LEAST = 100
#: Bytes of one cell's prompts and the like, and how many each counts at least; no honest one comes near. A cell's own code is one.
_SIGNAL_BYTES, _LEAST_SIGNAL = 2 * wire.MAX_EVENT_BYTES, 1000
#: Text that overwrites other text is free up to so many bytes a second, and so many at once: no honest progress bar comes near,
#: and a flood ends at the limit. (An update of a display is free too; ``redraws.py`` bounds how many come.)
_OVERWRITTEN_RATE, _OVERWRITTEN_AT_ONCE = 100_000, 1_000_000
#: Displays whose size is known, and the length of their names. Of others an update counts as a new output.
_KNOWN_DISPLAYS, _MAX_NAME = 10_000, 256
#: No claim of a cell's makes a count that a host could not read.
_MAX_SIZE = 1 << 40


class _Spent:
    """Of one cell: what stands in it, and what it has shown and lost since its output was cleared."""

    __slots__ = (
        "clears",
        "displays",
        "dropped",
        "is_full",
        "overwritten",
        "overwritten_at",
        "screen",
        "signals",
        "stream",
        "total",
        "written",
    )

    def __init__(self):
        self.signals = 0
        self.overwritten = self.overwritten_at = 0.0
        self.displays = set()
        self.begin()

    def begin(self):
        #: Bytes of what stands in the cell, as they count.
        self.written = 0
        #: Bytes, as they are, of all output, and of what was dropped.
        self.total = self.dropped = 0
        #: Something was dropped: nothing more is shown, as nobody would see the hole between.
        self.is_full = False
        #: The next output takes the place of all that stands there: ``clear_output(wait=True)``.
        self.clears = False
        #: Name of the stream whose text was the last output, or "", and how that looks.
        self.stream, self.screen = "", None


class _Display:
    """Of all outputs with one ``display_id``: how many stand in which cell, and what they count there."""

    __slots__ = ("places",)

    def __init__(self):
        self.places = {}  # _Spent → [outputs, bytes]


class Budgets:
    """One cell over ``limit`` bytes loses its further output, counted, until it is cleared; what is no output has a bound of its own.

    ``on_full(msg_id)`` is called when a cell begins to lose output.
    What a comm's callbacks show counts for the cell that opened the comm, else for all comms of the kernel together.
    """

    def __init__(self, limit, on_full):
        self.limit = limit
        self._on_full = on_full
        self._cells = OrderedDict()
        self._callbacks = OrderedDict()  # msg_id of a comm's message → what counts its output
        self._no_cell = _Spent()
        self._displays = OrderedDict()  # display_id → _Display

    def open(self, msg_id):
        """A cell is about to run."""
        self._cells[msg_id] = _Spent()
        if len(self._cells) > _REMEMBERED_CELLS:
            self._forget_displays(self._cells.popitem(last=False)[1])

    def open_comm(self, msg_id, owner):
        """A comm's message is about to be handled; ``owner`` is the ``msg_id`` of the comm's cell."""
        self._callbacks[msg_id] = self._cells.get(owner, self._no_cell)
        if len(self._callbacks) > _REMEMBERED_CELLS:
            self._callbacks.popitem(last=False)

    def lost_of(self, msg_id):
        """(bytes dropped, bytes of all output) of what a cell has shown since it was cleared."""
        spent = self._counted(msg_id)
        return (spent.dropped, spent.total) if spent is not None else (0, 0)

    def clear(self, msg_id, wait):
        """Its output is cleared, or will be by the next (``wait``), so it begins anew: a plot that is redrawn for an hour is
        within its budget. False: it is of a cell that ended long ago, or of none."""
        spent = self._counted(msg_id)
        if spent is None:
            return False
        spent.clears = wait
        if not wait:
            self._begin(spent)
        return True

    def admit_text(self, name, text, msg_id):
        """How many characters of a stream's text may be logged; counts them. Where the cell reaches its limit these are the lines
        that fit. The caller logs them and then calls :meth:`drop` for the rest, whose notice stands behind them. What goes on
        where the last output ended is no new output."""
        spent = self._counted(msg_id)
        if spent is None:
            return 0
        size = bytes_of(text)
        self._shows(spent, size)
        if spent.is_full:
            return 0
        least = 0
        if spent.stream != name:
            spent.stream, spent.screen, least = name, Screen(), _LEAST
        grown = spent.screen.write(text)
        cost = max(grown + _beyond_what_is_free(spent, size - grown), least)
        if spent.written + cost <= self.limit:
            spent.written += cost
            return len(text)
        fitting = _lines_within(text, self.limit - spent.written) if spent.written + least <= self.limit else ""
        spent.written += max(bytes_of(fitting), least if fitting else 0)
        return len(fitting)

    def drop(self, msg_id, size):
        """So many bytes of output that were counted are not shown, nor is what follows."""
        spent = self._counted(msg_id)
        if spent is not None:
            self._drop(spent, size, msg_id)

    def admits(self, kind, size, msg_id, display_id=""):
        """Whether an event of ``size`` bytes may be logged; counts it. ``display_id``: of a display, if it has one."""
        spent = self._counted(msg_id)
        if spent is None:
            return False
        if kind not in _OUTPUT:
            spent.signals += max(size, _LEAST_SIGNAL)
            return spent.signals <= _SIGNAL_BYTES
        size = min(max(size, 1), _MAX_SIZE)
        if len(display_id) > _MAX_NAME:
            display_id = ""
        if kind == "update_display_data":
            spent.total += size
            if spent.is_full or not self._fits_where_it_stands(display_id, size, spent):
                return self._drop(spent, size, msg_id)
            return True
        self._shows(spent, size)
        cost = max(size, _LEAST)
        if (spent.is_full and kind != "error") or spent.written + cost > self.limit + (
            _ERROR_ROOM if kind == "error" else 0
        ):
            return self._drop(spent, size, msg_id)
        spent.written += cost
        spent.stream = ""
        if display_id:
            self._place(display_id, spent, cost)
        return True

    def lost(self, msg_id, size):
        """Admitted, and then there was no room for it."""
        spent = self._counted(msg_id)
        if spent is not None:
            spent.dropped += size

    def _counted(self, msg_id):
        return self._cells.get(msg_id) or self._callbacks.get(msg_id)

    def _shows(self, spent, size):
        if spent.clears:
            self._begin(spent)
        spent.total += size

    def _begin(self, spent):
        self._forget_displays(spent)
        spent.begin()

    def _drop(self, spent, size, msg_id):
        spent.dropped += size
        if not spent.is_full:
            spent.is_full = True
            self._on_full(msg_id)
        return False

    # ------------------------------------------------------------------------------------------------ displays

    def _fits_where_it_stands(self, display_id, size, caller):
        """Whether an update fits into the cells that show the display, in the place of what is there; counts it. Where nobody
        shows it, it counts once in the cell that it comes from."""
        display = self._displays.get(display_id)
        cost = max(size, _LEAST)
        if display is None:
            if caller.written + cost > self.limit:
                return False
            caller.written += cost
            if display_id:
                self._place(display_id, caller, cost)
            return True
        grown = [(spent, place, place[0] * cost - place[1]) for spent, place in display.places.items()]
        if any(more > 0 and spent.written + more > self.limit for spent, _, more in grown):
            return False
        for spent, place, more in grown:
            spent.written += more
            place[1] += more
        self._displays.move_to_end(display_id)
        return True

    def _place(self, display_id, spent, cost):
        """A display stands in a cell, once more or for the first time."""
        display = self._displays.setdefault(display_id, _Display())
        place = display.places.setdefault(spent, [0, 0])
        place[0] += 1
        place[1] += cost
        spent.displays.add(display_id)
        if len(self._displays) > _KNOWN_DISPLAYS:
            oldest, gone = self._displays.popitem(last=False)
            for one in gone.places:
                one.displays.discard(oldest)

    def _forget_displays(self, spent):
        """Its cell shows them no more."""
        for display_id in spent.displays:
            places = self._displays[display_id].places
            del places[spent]
            if not places:
                del self._displays[display_id]
        spent.displays.clear()


def _lines_within(text, size):
    """The longest beginning of a text that has at most so many UTF-8 bytes: whole lines, or, of a line that is longer, whole characters."""
    beginning = text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")
    return beginning[: beginning.rfind("\n") + 1] or beginning


def _beyond_what_is_free(spent, overwritten):
    """What of so many bytes of overwritten text counts all the same."""
    if overwritten <= 0:
        return 0
    now = time.monotonic()
    recent = max(0.0, spent.overwritten - (now - spent.overwritten_at) * _OVERWRITTEN_RATE) + overwritten
    spent.overwritten, spent.overwritten_at = min(recent, _OVERWRITTEN_AT_ONCE), now
    return int(max(0, recent - _OVERWRITTEN_AT_ONCE))


def size_of(content, metadata=None, buffers=None):
    """Bytes that an event counts, about: all that a cell has put into it, in whatever field."""
    known = sum(_size(content[name]) for name in _FIELDS.intersection(content))
    others = {name: value for name, value in content.items() if name not in _FIELDS}
    return known + _size(others) + _size(metadata) + _size(buffers)


#: Of the content of outputs and signals.
_FIELDS = frozenset(
    ("code", "data", "ename", "evalue", "execution_count", "metadata", "text", "traceback", "transient")
)


def _size(value):
    if isinstance(value, str):
        return bytes_of(value)
    return len(wire.dumps(value)) if isinstance(value, (dict, list)) and value else 0

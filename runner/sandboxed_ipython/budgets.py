"""Counts how much the last cells of a kernel may still show."""

import time
from collections import OrderedDict

from . import wire
from .screen import Screen, bytes_of

#: Number of cells whose late output is still accepted.
_MAX_REMEMBERED_CELLS = 1000
_OUTPUT = frozenset(("stream", "display_data", "update_display_data", "execute_result", "error"))
#: Bytes by which an error may exceed a cell's budget, so that a cell that printed too much still shows how it failed.
_ERROR_EXTRA_BYTES = 1024 * 1024
#: Every output counts as at least this many bytes, because each output costs a window more than its text. The default
#: budget has room for 100,000 outputs.
_MIN_OUTPUT_BYTES = 100
#: Bytes that all prompts and other signals of one cell may have, and the bytes that each signal counts at least. No
#: honest cell comes near. The code of the cell itself is one signal.
_MAX_SIGNAL_BYTES, _MIN_SIGNAL_BYTES = 2 * wire.MAX_EVENT_BYTES, 1000
#: Text that overwrites other text is free up to this many bytes per second, and up to this many bytes at once. No
#: honest progress bar comes near, and a flood ends at the limit. (An update of a display is free too; ``redraws.py``
#: bounds how often updates come.)
_FREE_OVERWRITTEN_BYTES_PER_SECOND, _FREE_OVERWRITTEN_BYTES_AT_ONCE = 100_000, 1_000_000
#: Number of displays whose size is known, and characters that their ids may have. An update of any other display counts
#: as a new output.
_MAX_KNOWN_DISPLAYS, _MAX_DISPLAY_ID_CHARS = 10_000, 256
#: Upper bound of a size that a cell claims, so that no claim leads to a count that a host cannot read.
_MAX_CLAIMED_BYTES = 1 << 40


class _CellUsage:
    """What one cell shows now, and what it has shown and lost since its output was cleared."""

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
        """Starts counting again from zero."""
        #: Bytes that the visible output of the cell counts.
        self.written = 0
        #: Actual bytes of all output, and of the dropped output.
        self.total = self.dropped = 0
        #: True once output was dropped. Nothing more is shown then, because nobody would notice the gap between the
        #: outputs.
        self.is_full = False
        #: True after ``clear_output(wait=True)``: the next output replaces everything that is visible in the cell.
        self.clears = False
        #: The name of the stream if its text was the last output, else "", and the screen of that text.
        self.stream, self.screen = "", None


class _Display:
    """All outputs with one ``display_id``: how many of them each cell shows, and how many bytes they count there."""

    __slots__ = ("places",)

    def __init__(self):
        self.places = {}  # _CellUsage → [outputs, bytes]


class Budgets:
    """The output budget of each cell of one kernel.

    A cell that has shown ``limit`` bytes loses its further output, which is counted, until its output is cleared.
    Signals, which are messages that are no output, have a bound of their own.

    Output of a comm's callback counts for the cell that opened the comm. If that cell is not known, the output counts
    for all comms of the kernel together.

    Args:
        limit: bytes that one cell may show.
        on_full: ``on_full(msg_id)`` is called when a cell begins to lose output.
    """

    def __init__(self, limit, on_full):
        self.limit = limit
        self._on_full = on_full
        self._cells = OrderedDict()
        self._callbacks = OrderedDict()  # msg_id of a comm message → the _CellUsage that counts its output
        self._no_cell = _CellUsage()
        self._displays = OrderedDict()  # display_id → _Display

    def open(self, msg_id: str) -> None:
        """Opens a budget for the cell ``msg_id``, which is about to run."""
        self._cells[msg_id] = _CellUsage()
        if len(self._cells) > _MAX_REMEMBERED_CELLS:
            self._forget_displays(self._cells.popitem(last=False)[1])

    def open_comm(self, msg_id: str, owner: str) -> None:
        """Opens a budget for the comm message ``msg_id``, which is about to be handled. ``owner`` is the ``msg_id`` of
        the cell that opened the comm.
        """
        self._callbacks[msg_id] = self._cells.get(owner, self._no_cell)
        if len(self._callbacks) > _MAX_REMEMBERED_CELLS:
            self._callbacks.popitem(last=False)

    def dropped_and_total(self, msg_id: str) -> tuple[int, int]:
        """Returns (dropped bytes, bytes of all output) of the cell since its output was cleared."""
        usage = self._usage_of(msg_id)
        return (usage.dropped, usage.total) if usage is not None else (0, 0)

    def clear(self, msg_id: str, wait: bool) -> bool:
        """Clears the output of a cell: now, or at its next output (``wait``).

        The budget starts again, so a plot that is redrawn for an hour stays within it. Returns False if the cell ended
        long ago or never existed.
        """
        usage = self._usage_of(msg_id)
        if usage is None:
            return False
        usage.clears = wait
        if not wait:
            self._begin(usage)
        return True

    def admit_text(self, name: str, text: str, msg_id: str) -> int:
        """Returns how many characters of a stream's text may be logged, and counts them.

        When the cell reaches its limit, these characters are the lines that still fit. The caller logs them and then
        calls :meth:`drop` for the rest, so that the notice about the loss follows them. Text that continues the last
        output does not count as a new output.
        """
        usage = self._usage_of(msg_id)
        if usage is None:
            return 0
        size = bytes_of(text)
        self._count_shown(usage, size)
        if usage.is_full:
            return 0
        least = 0
        if usage.stream != name:
            usage.stream, usage.screen, least = name, Screen(), _MIN_OUTPUT_BYTES
        grown = usage.screen.write(text)
        cost = max(grown + _beyond_what_is_free(usage, size - grown), least)
        if usage.written + cost <= self.limit:
            usage.written += cost
            return len(text)
        fitting = _lines_within(text, self.limit - usage.written) if usage.written + least <= self.limit else ""
        usage.written += max(bytes_of(fitting), least if fitting else 0)
        return len(fitting)

    def drop(self, msg_id: str, size: int) -> None:
        """Counts ``size`` bytes of the cell's output as dropped. The cell shows nothing more from then on."""
        usage = self._usage_of(msg_id)
        if usage is not None:
            self._drop(usage, size, msg_id)

    def admits(self, kind: str, size: int, msg_id: str, display_id: str = "") -> bool:
        """Returns whether an event may be logged, and counts it.

        Args:
            kind: the event's ``msg_type``.
            size: the event's size in bytes.
            msg_id: the cell.
            display_id: the id of the display, or "" if the event has none.
        """
        usage = self._usage_of(msg_id)
        if usage is None:
            return False
        if kind not in _OUTPUT:
            usage.signals += max(size, _MIN_SIGNAL_BYTES)
            return usage.signals <= _MAX_SIGNAL_BYTES
        size = min(max(size, 1), _MAX_CLAIMED_BYTES)
        if len(display_id) > _MAX_DISPLAY_ID_CHARS:
            display_id = ""
        if kind == "update_display_data":
            usage.total += size
            if usage.is_full or not self._fits_where_it_stands(display_id, size, usage):
                return self._drop(usage, size, msg_id)
            return True
        self._count_shown(usage, size)
        cost = max(size, _MIN_OUTPUT_BYTES)
        if (usage.is_full and kind != "error") or usage.written + cost > self.limit + (
            _ERROR_EXTRA_BYTES if kind == "error" else 0
        ):
            return self._drop(usage, size, msg_id)
        usage.written += cost
        usage.stream = ""
        if display_id:
            self._place(display_id, usage, cost)
        return True

    def count_lost(self, msg_id: str, size: int) -> None:
        """Counts ``size`` bytes as dropped that were admitted but found no room in the log."""
        usage = self._usage_of(msg_id)
        if usage is not None:
            usage.dropped += size

    def _usage_of(self, msg_id):
        return self._cells.get(msg_id) or self._callbacks.get(msg_id)

    def _count_shown(self, usage, size):
        if usage.clears:
            self._begin(usage)
        usage.total += size

    def _begin(self, usage):
        self._forget_displays(usage)
        usage.begin()

    def _drop(self, usage, size, msg_id):
        usage.dropped += size
        if not usage.is_full:
            usage.is_full = True
            self._on_full(msg_id)
        return False

    # ------------------------------------------------------------------------------------------------ displays

    def _fits_where_it_stands(self, display_id, size, caller):
        """Returns whether an update fits into the budgets of all cells that show the display, where it replaces the
        display's old content, and counts it.

        If no cell shows the display, the update counts once, for the cell that sent it.
        """
        display = self._displays.get(display_id)
        cost = max(size, _MIN_OUTPUT_BYTES)
        if display is None:
            if caller.written + cost > self.limit:
                return False
            caller.written += cost
            if display_id:
                self._place(display_id, caller, cost)
            return True
        grown = [(usage, place, place[0] * cost - place[1]) for usage, place in display.places.items()]
        if any(more > 0 and usage.written + more > self.limit for usage, _, more in grown):
            return False
        for usage, place, more in grown:
            usage.written += more
            place[1] += more
        self._displays.move_to_end(display_id)
        return True

    def _place(self, display_id, usage, cost):
        """Notes that a cell shows a display, once more or for the first time."""
        display = self._displays.setdefault(display_id, _Display())
        place = display.places.setdefault(usage, [0, 0])
        place[0] += 1
        place[1] += cost
        usage.displays.add(display_id)
        if len(self._displays) > _MAX_KNOWN_DISPLAYS:
            oldest, gone = self._displays.popitem(last=False)
            for one in gone.places:
                one.displays.discard(oldest)

    def _forget_displays(self, usage):
        """Notes that the cell shows none of its displays any more."""
        for display_id in usage.displays:
            places = self._displays[display_id].places
            del places[usage]
            if not places:
                del self._displays[display_id]
        usage.displays.clear()


def _lines_within(text, size):
    """Returns the longest beginning of ``text`` that has at most ``size`` bytes of UTF-8: whole lines, or whole
    characters of the first line if that is longer.
    """
    beginning = text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")
    return beginning[: beginning.rfind("\n") + 1] or beginning


def _beyond_what_is_free(usage, overwritten):
    """Returns how many of ``overwritten`` bytes exceed the free rate and therefore count."""
    if overwritten <= 0:
        return 0
    now = time.monotonic()
    recent = (
        max(0.0, usage.overwritten - (now - usage.overwritten_at) * _FREE_OVERWRITTEN_BYTES_PER_SECOND) + overwritten
    )
    usage.overwritten, usage.overwritten_at = min(recent, _FREE_OVERWRITTEN_BYTES_AT_ONCE), now
    return int(max(0, recent - _FREE_OVERWRITTEN_BYTES_AT_ONCE))


def size_of(content: dict, metadata: "dict | None" = None, buffers: "list | None" = None) -> int:
    """Returns the approximate bytes that an event counts: everything that a cell has put into any of its fields."""
    known = sum(_size(content[name]) for name in _CONTENT_FIELDS.intersection(content))
    others = {name: value for name, value in content.items() if name not in _CONTENT_FIELDS}
    return known + _size(others) + _size(metadata) + _size(buffers)


#: The known fields in the content of outputs and signals.
_CONTENT_FIELDS = frozenset(
    ("code", "data", "ename", "evalue", "execution_count", "metadata", "text", "traceback", "transient")
)


def _size(value):
    if isinstance(value, str):
        return bytes_of(value)
    return len(wire.dumps(value)) if isinstance(value, (dict, list)) and value else 0

"""How much the last cells of a kernel may still print."""

from collections import OrderedDict

#: Cells whose late output is still taken.
_REMEMBERED_CELLS = 1000
_OUTPUT = frozenset(("stream", "display_data", "update_display_data", "execute_result", "error"))
#: Bytes by which an error may go over a cell's budget, so that a cell which printed too much still says how it failed.
_ERROR_ROOM = 1024 * 1024
#: Prompts, clearings and the like of one cell; no honest one comes near.
_MAX_SIGNALS = 100_000
#: What a value of a mime bundle counts that is no text.
_VALUE_BYTES = 1000


class _NoCell:
    """Counts as a cell does."""

    __slots__ = ("dropped", "signals", "total", "written")

    def __init__(self):
        self.written = self.dropped = self.signals = self.total = 0


class Budgets:
    """One cell over ``limit`` bytes loses its own further output, counted; what is no output is bounded by number.

    ``on_late_drop(msg_id, cell, bytes)`` is called the first time that an ended cell loses output: it has had its reply.
    What a comm's callbacks show counts for the cell that opened the comm, else for all comms of the kernel together.
    """

    def __init__(self, limit, on_late_drop):
        self.limit = limit
        self._on_late_drop = on_late_drop
        self._cells = OrderedDict()
        self._callbacks = OrderedDict()  # msg_id of a comm's message → what counts its output
        self._no_cell = _NoCell()

    def open(self, cell):
        _remember(self._cells, cell.msg_id, cell)

    def open_comm(self, msg_id, owner):
        """A comm's message is about to be handled; ``owner`` is the ``msg_id`` of the comm's cell."""
        _remember(self._callbacks, msg_id, self._cells.get(owner, self._no_cell))

    def cleared(self, msg_id):
        """Its output was cleared, so it begins anew: a plot that is redrawn for an hour is within its budget."""
        cell = self._counted(msg_id)
        if cell is not None:
            cell.written = 0

    def admits(self, kind, size, msg_id, running):
        """Whether an event of ``size`` bytes may be logged; counts it."""
        cell = self._counted(msg_id)
        if cell is None:
            return False  # of a cell that ended long ago, or of none
        if kind not in _OUTPUT:
            cell.signals += 1
            return cell.signals <= _MAX_SIGNALS
        cell.total += size
        if cell.written + size > self.limit + (_ERROR_ROOM if kind == "error" else 0):
            if cell is not running and not cell.dropped:
                self._on_late_drop(msg_id, cell, size)
            cell.dropped += size
            return False
        cell.written += size
        return True

    def lost(self, msg_id, size):
        """Admitted, and then there was no room for it."""
        cell = self._counted(msg_id)
        if cell is not None:
            cell.dropped += size

    def _counted(self, msg_id):
        return self._cells.get(msg_id) or self._callbacks.get(msg_id)


def _remember(cells, msg_id, cell):
    cells[msg_id] = cell
    if len(cells) > _REMEMBERED_CELLS:
        cells.popitem(last=False)


def size_of(kind, content):
    """Bytes that an event counts, about."""
    if kind == "stream":
        text = content.get("text")
        return _bytes(text) if isinstance(text, str) else 0
    if kind == "error":
        lines = content.get("traceback")
        return sum(_bytes(line) for line in lines if isinstance(line, str)) if isinstance(lines, list) else 0
    data = content.get("data")
    return sum(_bytes(value) if isinstance(value, str) else _VALUE_BYTES for value in data.values()) if isinstance(data, dict) else 0


def _bytes(text):
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


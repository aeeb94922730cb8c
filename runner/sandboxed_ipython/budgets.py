"""How much the last cells of a kernel may still print."""

from collections import OrderedDict

from . import wire

#: Cells whose late output is still taken.
_REMEMBERED_CELLS = 1000
_OUTPUT = frozenset(("stream", "display_data", "update_display_data", "execute_result", "error"))
#: Bytes by which an error may go over a cell's budget, so that a cell which printed too much still says how it failed.
_ERROR_ROOM = 1024 * 1024
#: An output counts as so many bytes at least: each costs a window more than its text. 100,000 of them fit into the default.
_LEAST = 100
#: Bytes of one cell's prompts and the like, and how many each counts at least; no honest one comes near. A cell's own code is one.
_SIGNAL_BYTES, _LEAST_SIGNAL = 2 * wire.MAX_COMMAND_BYTES, 1000


class _NoCell:
    """Counts as a cell does."""

    __slots__ = ("dropped", "signals", "stream", "total", "written")

    def __init__(self):
        self.written = self.dropped = self.signals = self.total = 0
        self.stream = ""


class Budgets:
    """One cell over ``limit`` bytes loses its own further output, counted; what is no output has a bound of its own.

    ``on_late_drop(cell, msg_id)`` is called the first time that an ended cell loses output: it has had its reply.
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
            cell.written, cell.stream = 0, ""

    def admits(self, kind, size, msg_id, running, stream=""):
        """Whether an event of ``size`` bytes may be logged; counts it. Text of the same ``stream`` as before is no new output."""
        cell = self._counted(msg_id)
        if cell is None:
            return False  # of a cell that ended long ago, or of none
        if kind == "clear_output":
            return True
        if kind not in _OUTPUT:
            cell.signals += max(size, _LEAST_SIGNAL)
            return cell.signals <= _SIGNAL_BYTES
        size = max(size, 1)
        cell.total += size
        cost = size if stream and stream == cell.stream else max(size, _LEAST)
        if cell.written + cost > self.limit + (_ERROR_ROOM if kind == "error" else 0):
            cell.dropped += size
            if cell is not running and cell.dropped == size:
                self._on_late_drop(cell, msg_id)
            return False
        cell.written += cost
        cell.stream = stream
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


def size_of(content, metadata=None, buffers=None):
    """Bytes that an event counts, about: all that a cell has put into it, in whatever field."""
    known = sum(_size(content[name]) for name in _FIELDS.intersection(content))
    others = {name: value for name, value in content.items() if name not in _FIELDS}
    return known + _size(others) + _size(metadata) + _size(buffers)


#: Of the content of outputs and signals.
_FIELDS = frozenset(("code", "data", "ename", "evalue", "execution_count", "metadata", "text", "traceback", "transient"))


def _size(value):
    if isinstance(value, str):
        return bytes_of(value)
    return len(wire.dumps(value)) if isinstance(value, (dict, list)) and value else 0


def bytes_of(text):
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

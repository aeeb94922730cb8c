"""What a kernel shows, on its way into the log: counted for the cell it belongs to, folded where it is redrawn too fast."""

from . import wire
from .budgets import Budgets, size_of
from .packets import PIECE_CHARS
from .redraws import Redraws
from .screen import bytes_of, without_overwritten

#: What a kernel may say of its own accord, by type, and on which channel.
CHANNELS = {
    "execute_input": "iopub",
    "stream": "iopub",
    "display_data": "iopub",
    "update_display_data": "iopub",
    "execute_result": "iopub",
    "error": "iopub",
    "clear_output": "iopub",
    "input_request": "stdin",
    "install_request": "stdin",
    "execute_reply": "shell",
    "comm_open": "iopub",
    "comm_msg": "iopub",
    "comm_close": "iopub",
}
#: Long messages that may come at once, each from another process of a cell's.
_MAX_SERIES = 16


class Outputs:
    """``kernel`` gives the name and ``gen`` of its events. What the supervisor itself says goes through :meth:`log`."""

    def __init__(self, supervisor, kernel):
        self._supervisor = supervisor
        self._kernel = kernel
        self.budgets = Budgets(supervisor.options.max_output, self._tell_full)
        # a drawing is at most what a cell may show, and another cell may show as much while it is held
        self._redraws = Redraws(supervisor.reactor, 2 * supervisor.options.max_output)
        self._series = {}  # id → _Series that was admitted and is open

    # ------------------------------------------------------------------------------------------------ of the kernel

    def show(self, kind, content, parent, metadata=None, buffers=None):
        """An event of the kernel's own."""
        if kind == "clear_output":
            wait = content.get("wait") is True
            if self.budgets.clear(parent, wait):
                event = self.event(CHANNELS[kind], kind, {"wait": wait}, parent)
                self._redraws.put(kind, parent, 0, lambda: self._append(event, parent, 0), wait=wait)
            return
        size = size_of(content, metadata, buffers)
        display = _display_id(content)
        if self.budgets.admits(kind, size, parent, display):
            event = self.event(CHANNELS[kind], kind, content, parent, metadata, buffers)
            updated = display if kind == "update_display_data" else ""
            self._redraws.put(kind, parent, size, lambda: self._append(event, parent, size), display=updated)

    def show_text(self, name, text, parent):
        """What came out of its fd 1 or fd 2."""
        text = without_overwritten(text)
        count = self.budgets.admit_text(name, text, parent)
        shown, rest = text[:count], text[count:]
        for part in wire.parts_of_text(shown):
            self._put_text(name, part, parent)
        if rest:
            self.budgets.drop(parent, bytes_of(rest))

    def _put_text(self, name, text, parent):
        size = bytes_of(text)
        event = self.event("iopub", "stream", {"name": name, "text": text}, parent)
        self._redraws.put("stream", parent, size, lambda: self._append(event, parent, size))

    def show_piece(self, piece):
        """A piece of an event that is too long for a packet: logged as it comes. It counts what its first piece claims, and
        only pieces that keep to that are taken."""
        about, text = piece.about, piece.text
        kind, parent, name, index, last = (
            about["msg_type"],
            about["parent_header"]["msg_id"],
            about["id"],
            about["i"],
            bool(about.get("last")),
        )
        if kind == "clear_output":
            return  # a long one is no kernel's
        if index == 0:
            self._series.pop(name, None)
            if self.budgets.admits(kind, about["size"], parent):
                self._begin_series(name, about["size"], parent)
        series = self._series.get(name)
        if series is None:
            return
        if not series.takes(index, text, last):
            del self._series[name]
            return
        if last:
            del self._series[name]
        envelope = self.envelope(CHANNELS[kind], "chunk", {}, parent)
        name = "k%d-%s" % (self._kernel.gen, name)
        self._redraws.put(
            kind,
            parent,
            len(text),
            lambda: self._supervisor.log.append_chunk(envelope, name, index, last, text),
            name,
            last,
        )

    def _begin_series(self, name, size, parent):
        if size > wire.MAX_EVENT_BYTES:  # no host would put it together
            self.budgets.lost(parent, size)
            return
        self._series[name] = _Series(size)
        if len(self._series) > _MAX_SERIES:
            del self._series[next(iter(self._series))]

    # ------------------------------------------------------------------------------------------------ of the supervisor

    def flush(self):
        """Before something else is logged, or the kernel's ``gen`` changes."""
        self._redraws.flush()

    def log(self, channel, kind, content, parent, metadata=None):
        self.flush()
        event = self.event(channel, kind, content, parent, metadata)
        self._append(event, parent, 0)
        return event

    def notice(self, code, params, msg_id):
        self.log("iopub", "notice", {"code": code, "params": params}, msg_id)

    def tell_dropped(self, msg_id):
        """At a cell's end: what it has lost in all, if it has. A host shows this in the place of what was said when it began to."""
        dropped, total = self.budgets.lost_of(msg_id)
        if dropped:
            self.notice("OutputDropped", {"bytes": dropped, "total": total, "limit": self.budgets.limit}, msg_id)

    def envelope(self, channel, kind, content, parent):
        """An event of this kernel."""
        return self._supervisor.envelope(channel, kind, content, parent, kernel=self._kernel)

    def event(self, channel, kind, content, parent, metadata=None, buffers=None):
        event = self.envelope(channel, kind, content, parent)
        if isinstance(metadata, dict):
            event["metadata"] = metadata
        if isinstance(buffers, list):
            event["buffers"] = buffers
        return event

    def _tell_full(self, msg_id):
        """What comes from here on is dropped. It stands where that would, and goes with it when the cell is cleared."""
        event = self.event(
            "iopub", "notice", {"code": "OutputDropped", "params": {"limit": self.budgets.limit}}, msg_id
        )
        self._redraws.put("notice", msg_id, 0, lambda: self._append(event, msg_id, 0))

    def _append(self, event, parent, size):
        if not self._supervisor.log.append(event):
            self.budgets.lost(parent, size)  # a cell has filled the log's file system, and fills it again


class _Series:
    """A long message that comes in pieces, and how it has to go on: every piece but the last is full."""

    __slots__ = ("_index", "_left")

    def __init__(self, size):
        self._index = 0
        self._left = size

    def takes(self, index, text, last):
        """Whether this is the next piece."""
        fits = index == self._index and text.isascii() and len(text) == min(self._left, PIECE_CHARS) > 0
        self._index += 1
        self._left -= len(text)
        return fits and last == (self._left == 0)


def _display_id(content):
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    return name if isinstance(name, str) else ""

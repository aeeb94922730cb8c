"""The way of a kernel's output into the log. Output is counted for its cell, and folded if it is redrawn too fast."""

from . import fragments, wire
from .budgets import Budgets, size_of
from .packets import PIECE_CHARS
from .redraws import Redraws
from .screen import bytes_of, without_overwritten

#: Messages that a kernel may send unasked: ``msg_type`` → channel.
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
#: Number of long messages that may be open at once, each from another process of a cell.
_MAX_SERIES = 16


class Outputs:
    """Output of one kernel.

    Args:
        supervisor: has the log and makes events.
        kernel: the :class:`KernelRecord` whose name and ``gen`` the events have.
    """

    def __init__(self, supervisor, kernel):
        self._supervisor = supervisor
        self._kernel = kernel
        self.budgets = Budgets(supervisor.options.max_output, self._report_full)
        # a drawing is at most as long as a cell's budget, and another cell may show as much while it is held
        self._redraws = Redraws(supervisor.reactor, 2 * supervisor.options.max_output)
        self._series = {}  # id → the admitted _Series that is open

    # ------------------------------------------------------------------------------------------------ the kernel

    def show(self, kind: str, content: dict, parent: str, metadata=None, buffers=None) -> None:
        """Shows one event of the kernel. The arguments are the fields of the event; ``parent`` is the ``msg_id`` of its
        cell.
        """
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

    def show_text(self, name: str, text: str, parent: str) -> None:
        """Shows text that came out of the kernel's fd 1 or fd 2."""
        text = without_overwritten(text)
        count = self.budgets.admit_text(name, text, parent)
        shown, rest = text[:count], text[count:]
        for part in fragments.parts_of_text(shown):
            self._put_text(name, part, parent)
        if rest:
            self.budgets.drop(parent, bytes_of(rest))

    def _put_text(self, name, text, parent):
        size = bytes_of(text)
        event = self.event("iopub", "stream", {"name": name, "text": text}, parent)
        self._redraws.put("stream", parent, size, lambda: self._append(event, parent, size))

    def show_piece(self, piece) -> None:
        """Shows one piece of an event that is too long for a packet. Pieces are logged as they come.

        The event counts as the size that its first piece claims. Pieces that do not fit this size are not logged.
        """
        about, text = piece.about, piece.text
        kind, parent, name, index, last = (
            about["msg_type"],
            about["parent_header"]["msg_id"],
            about["id"],
            about["i"],
            bool(about.get("last")),
        )
        if kind == "clear_output":
            return  # no kernel sends a long one
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
            lambda: self._supervisor.event_log.append_chunk(envelope, name, index, last, text),
            name,
            last,
        )

    def _begin_series(self, name, size, parent):
        if size > wire.MAX_EVENT_BYTES:  # no host would join it
            self.budgets.count_lost(parent, size)
            return
        self._series[name] = _Series(size)
        if len(self._series) > _MAX_SERIES:
            del self._series[next(iter(self._series))]

    # ------------------------------------------------------------------------------------------------ the supervisor

    def flush(self) -> None:
        """Logs held output. Must be called before anything else is logged and before the kernel's ``gen`` changes."""
        self._redraws.flush()

    def log_event(self, channel: str, kind: str, content: dict, parent: str, metadata: "dict | None" = None) -> dict:
        """Logs an event of the supervisor after all held output. Returns the event."""
        self.flush()
        event = self.event(channel, kind, content, parent, metadata)
        self._append(event, parent, 0)
        return event

    def notice(self, code: str, params: dict, msg_id: str) -> None:
        """Logs a notice with the ``code`` and ``params`` of ``src/protocol/README.md``, for the cell ``msg_id``."""
        self.log_event("iopub", "notice", {"code": code, "params": params}, msg_id)

    def report_dropped(self, msg_id: str) -> None:
        """Logs at a cell's end how much output it has lost, if any. A host shows this notice in place of the one at the
        first loss.
        """
        dropped, total = self.budgets.dropped_and_total(msg_id)
        if dropped:
            self.notice("OutputDropped", {"bytes": dropped, "total": total, "limit": self.budgets.limit}, msg_id)

    def envelope(self, channel: str, kind: str, content: dict, parent: str) -> dict:
        """Makes an event of this kernel."""
        return self._supervisor.envelope(channel, kind, content, parent, kernel=self._kernel)

    def event(self, channel: str, kind: str, content: dict, parent: str, metadata=None, buffers=None) -> dict:
        """Makes an event of this kernel, with ``metadata`` and ``buffers`` if they have the right type."""
        event = self.envelope(channel, kind, content, parent)
        if isinstance(metadata, dict):
            event["metadata"] = metadata
        if isinstance(buffers, list):
            event["buffers"] = buffers
        return event

    def _report_full(self, msg_id):
        """Logs that output is dropped from here on. The notice stands where that output would stand, and is cleared
        with the cell.
        """
        event = self.event(
            "iopub", "notice", {"code": "OutputDropped", "params": {"limit": self.budgets.limit}}, msg_id
        )
        self._redraws.put("notice", msg_id, 0, lambda: self._append(event, msg_id, 0))

    def _append(self, event, parent, size):
        if not self._supervisor.event_log.append(event):
            self.budgets.count_lost(parent, size)  # a cell has filled the log's file system, and keeps filling it


class _Series:
    """A long message that arrives in pieces. Every piece except the last is full."""

    __slots__ = ("_index", "_left")

    def __init__(self, size):
        self._index = 0
        self._left = size

    def takes(self, index, text, last):
        """Returns whether this is the next piece."""
        fits = index == self._index and text.isascii() and len(text) == min(self._left, PIECE_CHARS) > 0
        self._index += 1
        self._left -= len(text)
        return fits and last == (self._left == 0)


def _display_id(content):
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    return name if isinstance(name, str) else ""

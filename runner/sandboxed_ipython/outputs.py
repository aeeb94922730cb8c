"""What a kernel shows, on its way into the log: counted for the cell it belongs to, folded where it is redrawn too fast."""

from . import wire
from .budgets import Budgets, bytes_of, size_of
from .redraws import Redraws

#: What a kernel may say of its own accord, by type, and on which channel.
CHANNELS = {
    "execute_input": "iopub", "stream": "iopub", "display_data": "iopub", "update_display_data": "iopub", "execute_result": "iopub",
    "error": "iopub", "clear_output": "iopub", "input_request": "stdin", "install_request": "stdin",
    "execute_reply": "shell", "comm_open": "iopub", "comm_msg": "iopub", "comm_close": "iopub",
}


class Outputs:
    """``kernel`` gives the name and ``gen`` of its events. What the supervisor itself says goes through :meth:`log`."""

    def __init__(self, supervisor, kernel):
        self._supervisor = supervisor
        self._kernel = kernel
        self.budgets = Budgets(supervisor.options.max_output, self.tell_dropped)
        # a drawing is at most what a cell may show, and another cell may show as much while it is held
        self._redraws = Redraws(supervisor.reactor, 2 * supervisor.options.max_output)
        self._dropped_series = ""

    # ------------------------------------------------------------------------------------------------ of the kernel

    def show(self, kind, content, parent, running, metadata=None, buffers=None):
        """An event of the kernel's own. ``running`` is the cell that runs, or None."""
        if kind == "clear_output":
            self.budgets.cleared(parent)
            content, metadata, buffers = {"wait": content.get("wait") is True}, None, None
        size = size_of(content, metadata, buffers)
        if self.budgets.admits(kind, size, parent, running):
            event = self.event(CHANNELS[kind], kind, content, parent, metadata, buffers)
            self._redraws.put(kind, parent, size, lambda: self._append(event, parent, size))

    def show_text(self, name, text, parent, running):
        """What came out of its fd 1 or fd 2."""
        size = bytes_of(text)
        if self.budgets.admits("stream", size, parent, running, name):
            event = self.event("iopub", "stream", {"name": name, "text": text}, parent)
            self._redraws.put("stream", parent, size, lambda: self._append(event, parent, size))

    def show_piece(self, piece, running):
        """A piece of an event that is too long for a packet: logged as it comes, and counted with the first."""
        about, text = piece.about, piece.text
        kind, parent, series, index, last = about["msg_type"], about["parent_header"]["msg_id"], about["id"], about["i"], bool(about.get("last"))
        if index == 0:
            self._dropped_series = "" if self.budgets.admits(kind, about["size"], parent, running) else series
        if self._dropped_series == series or about["size"] > wire.MAX_COMMAND_BYTES or kind == "clear_output":
            return
        envelope = self.envelope(CHANNELS[kind], "chunk", {}, parent)
        name = "k%d-%s" % (self._kernel.gen, series)
        self._redraws.put(kind, parent, len(text), lambda: self._supervisor.log.append_chunk(envelope, name, index, last, text), name, last)

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

    def tell_dropped(self, cell, msg_id):
        """Says what ``cell`` has lost so far."""
        self.notice("OutputDropped", {"bytes": cell.dropped, "total": cell.total, "limit": self.budgets.limit}, msg_id)

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

    def _append(self, event, parent, size):
        if not self._supervisor.log.append(event):
            self.budgets.lost(parent, size)  # a cell has filled the log's file system, and fills it again

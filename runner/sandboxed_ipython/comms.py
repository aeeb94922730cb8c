"""A kernel's comms as the supervisor knows them: the messages that hosts send, and the cell that each comm belongs to."""

import logging
from collections import OrderedDict

from . import wire
from .cell import Cell

log = logging.getLogger(__name__)

#: Number of comms whose cell is remembered.
_MAX_REMEMBERED_COMMS = 10_000


class CommRequest(Cell):
    """A host's ``comm_open``, ``comm_msg`` or ``comm_close``.

    It waits, is interrupted and is timed like a cell, but it has no reply. ``status: idle`` shows that it was handled.
    """

    __slots__ = ("buffers", "kind")
    is_comm = True

    def __init__(self, command, number, size, from_folder=False):
        super().__init__(command, number, size, from_folder)
        self.run_id = ""
        self.kind = command["header"]["msg_type"]
        self.buffers = command["buffers"]

    def message(self) -> dict:
        """Returns the message for the kernel."""
        return {
            "msg_type": self.kind,
            "parent_header": {"msg_id": self.msg_id},
            "content": self.content,
            "metadata": self.metadata,
            "buffers": self.buffers,
        }


def make(command, number, size, from_folder=False):
    """Returns a queued command as a :class:`Cell` or a :class:`CommRequest`. The arguments are those of :class:`Cell`."""
    kind = CommRequest if command["header"]["msg_type"] in wire.COMM_KINDS else Cell
    return kind(command, number, size, from_folder)


class KernelComms:
    """Logs the comm messages of one kernel.

    Args:
        eventlog: the :class:`EventLog`.
        event: ``event(channel, kind, content, parent, metadata, buffers)`` makes an event of the kernel.
        notice: ``notice(code, params, parent)`` logs a notice.
    """

    def __init__(self, eventlog, event, notice):
        self._log = eventlog
        self._event = event
        self._notice = notice
        self._owners = OrderedDict()  # comm_id → msg_id of the cell that opened it

    def on_kernel_message(self, kind: str, parent: str, content: dict, message: dict) -> None:
        """Logs a comm message of the kernel. ``parent`` is the ``msg_id`` of its cell."""
        if not wire.is_comm(content):
            log.warning("the kernel has sent an invalid comm message")
            return
        if kind == "comm_open":
            self._owners[content["comm_id"]] = parent
            if len(self._owners) > _MAX_REMEMBERED_COMMS:
                self._owners.popitem(last=False)
        self._append(kind, content, parent, message.get("metadata"), message.get("buffers"))

    def begin(self, request, budgets) -> str:
        """Logs that the kernel now gets a host's message. Output of callbacks counts for the cell that opened the comm.
        Returns the kernel's new state.
        """
        budgets.open_comm(request.msg_id, self._owners.get(request.content["comm_id"], ""))
        self._append("status", {"execution_state": "busy", "comm_id": request.content["comm_id"]}, request.msg_id)
        return "busy"

    def end(self, request, failure: "dict | None") -> None:
        """Logs that a host's message was handled, or never will be; ``failure`` then says why."""
        content = {"execution_state": "idle", "comm_id": request.content["comm_id"]}
        if failure:
            content["failure"] = failure
        self._append("status", content, request.msg_id)

    def _append(self, kind, content, parent, metadata=None, buffers=None):
        if self._log.append_comm(self._event("iopub", kind, content, parent, metadata, buffers)):
            self._notice("WidgetStateDropped", {"limit": self._log.comm_state_limit}, parent)

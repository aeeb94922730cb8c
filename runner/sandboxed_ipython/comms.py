"""What the supervisor knows of a kernel's comms: the messages that hosts send, and which cell a comm belongs to."""

import logging
from collections import OrderedDict

from . import wire
from .cell import Cell

log = logging.getLogger(__name__)

#: Comms whose cell is remembered.
_REMEMBERED = 10_000


class CommRequest(Cell):
    """A host's ``comm_open``, ``comm_msg`` or ``comm_close``: waits, is interrupted and timed as a cell is, and has no reply.

    That it was handled is told by ``status: idle``.
    """

    __slots__ = ("buffers", "kind")
    is_comm = True

    def __init__(self, command, number, size, from_folder=False):
        super().__init__(command, number, size, from_folder)
        self.run_id = ""
        self.kind = command["header"]["msg_type"]
        self.buffers = command["buffers"]

    def message(self):
        return {
            "msg_type": self.kind,
            "parent_header": {"msg_id": self.msg_id},
            "content": self.content,
            "metadata": self.metadata,
            "buffers": self.buffers,
        }


def make(command, number, size, from_folder=False):
    """A command of the queue as what runs; ``size`` is that of its line."""
    kind = CommRequest if command["header"]["msg_type"] in wire.COMM_KINDS else Cell
    return kind(command, number, size, from_folder)


class KernelComms:
    """What is logged of a kernel's comms.

    ``event(channel, kind, content, parent, metadata, buffers)`` makes an event of the kernel, ``notice(code, params, parent)`` logs one.
    """

    def __init__(self, eventlog, event, notice):
        self._log = eventlog
        self._event = event
        self._notice = notice
        self._owners = OrderedDict()  # comm_id → msg_id of the cell that opened it

    def heard(self, kind, parent, content, message):
        """A message of the kernel's own."""
        if not wire.is_comm(content):
            log.warning("a comm's message makes no sense")
            return
        if kind == "comm_open":
            self._owners[content["comm_id"]] = parent
            if len(self._owners) > _REMEMBERED:
                self._owners.popitem(last=False)
        self._append(kind, content, parent, message.get("metadata"), message.get("buffers"))

    def begin(self, request, budgets):
        """The kernel gets a host's message now. What callbacks show counts for the cell that opened the comm."""
        budgets.open_comm(request.msg_id, self._owners.get(request.content["comm_id"], ""))
        self._append("status", {"execution_state": "busy", "comm_id": request.content["comm_id"]}, request.msg_id)
        return "busy"

    def end(self, request, failure):
        """It was handled, or never will be: ``failure`` says why."""
        content = {"execution_state": "idle", "comm_id": request.content["comm_id"]}
        if failure:
            content["failure"] = failure
        self._append("status", content, request.msg_id)

    def _append(self, kind, content, parent, metadata=None, buffers=None):
        if self._log.append_comm(self._event("iopub", kind, content, parent, metadata, buffers)):
            self._notice("WidgetStateDropped", {"limit": self._log.comm_state_limit}, parent)

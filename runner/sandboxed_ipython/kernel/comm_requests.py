"""Handles a comm message of a host like a short cell without a reply, between the cells."""

import base64
import os
import traceback

from .. import linux
from .streams import current_cell


class CommRequests:
    """Passes comm messages to the kernel's comm manager. Nothing that a callback does ends the kernel."""

    def __init__(self, kernel, context):
        self._kernel = kernel
        self._context = context

    def handle(self, message: dict) -> None:
        """Handles one message (dict) of type ``comm_open``, ``comm_msg`` or ``comm_close``."""
        kernel = self._kernel
        msg_id = message["parent_header"]["msg_id"]
        before = kernel.parent
        kernel.begin(msg_id, message["msg_type"])
        kernel.prompts.allowed = kernel.installs.allowed = False  # no cell is visible in which a prompt could be shown
        kernel.channel.send("comm_begun", {}, msg_id)
        try:
            kernel.interrupts.enter()
            self._context.run(self._call, message)
            kernel.interrupts.leave()
        except BaseException:
            kernel.interrupts.leave()
            self._context.run(traceback.print_exc)
        linux.flush_c_streams()
        if kernel.is_copy:
            os._exit(0)
        kernel.shell.payload_manager.clear_payload()  # there is no reply for the payload
        kernel.parent = before  # output of threads belongs to the cell again from now on
        self._context.run(current_cell.set, before["msg_id"])
        try:
            kernel.channel.send("comm_done", {"status": "ok", "exiting": kernel.exiting}, msg_id)
        finally:
            kernel.end()

    def _call(self, message):
        manager = self._kernel.shell.kernel.comm_manager
        header = self._kernel.shell.kernel.get_parent()["header"]
        getattr(manager, message["msg_type"])(
            None,
            None,
            {
                "header": header,
                "msg_id": header["msg_id"],
                "msg_type": header["msg_type"],
                "parent_header": {},
                "metadata": message["metadata"],
                "content": {name: value for name, value in message["content"].items() if name != "timeout"},
                "buffers": [memoryview(base64.b64decode(one)) for one in message.get("buffers") or ()],
            },
        )

"""A comm's message from outside: handled like a short cell without a reply, between the cells."""

import base64
import os
import traceback

from .. import linux
from .streams import current_cell


class CommRequests:
    """``handle`` calls what the kernel's comm manager has for a message. Nothing that a callback does ends the kernel."""

    def __init__(self, kernel, context):
        self._kernel = kernel
        self._context = context

    def handle(self, message):
        kernel = self._kernel
        msg_id = message["parent_header"]["msg_id"]
        before = kernel.parent
        kernel.begin(msg_id, message["msg_type"])
        kernel.prompts.allowed = kernel.installs.allowed = False  # nobody looks at a cell that could ask
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
        kernel.shell.payload_manager.clear_payload()  # there is no reply to take it
        kernel.parent = before  # what threads show from now on belongs to the cell again
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

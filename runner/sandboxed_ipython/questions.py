"""Completion and inspection: asked by a host of the idle kernel, and answered to that host alone."""

#: Questions that a kernel may have before it.
_MAX_OPEN = 64
#: What a kernel that has something else to do answers.
_BUSY = {"complete_reply": {"matches": [], "cursor_start": 0, "cursor_end": 0}, "inspect_reply": {"found": False, "data": {}}}
ANSWERS = frozenset(_BUSY)


class Questions:
    """``envelope(channel, kind, content, parent)`` makes an answer of the kernel."""

    def __init__(self, envelope):
        self._envelope = envelope
        self._asked = {}  # msg_id of a question → the host that waits

    def ask(self, command, host, process):
        """Passes a question on to ``process``; None, a kernel that is not idle, is ``busy`` at once."""
        msg_id, kind = command["header"]["msg_id"], command["header"]["msg_type"]
        if process is None or len(self._asked) > _MAX_OPEN:
            reply = kind.replace("_request", "_reply")
            host.answer(self._envelope("shell", reply, dict(_BUSY[reply], status="busy", metadata={}), msg_id))
            return
        self._asked[msg_id] = host
        process.send({"msg_type": kind, "parent_header": {"msg_id": msg_id}, "content": command["content"]})

    def answered(self, kind, parent, content):
        host = self._asked.pop(parent, None)
        if host is not None:
            host.answer(self._envelope("shell", kind, content, parent))

    def clear(self):
        """Who was asked is gone."""
        self._asked.clear()

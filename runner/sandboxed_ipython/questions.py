"""Completion and inspection: asked by a host of the idle kernel, and answered to that host alone."""

#: Questions that a kernel may have before it, and bytes of each.
_MAX_OPEN = 64
_MAX_BYTES = 4 * 1024 * 1024
#: Seconds until a question counts as not answered: its answer was lost, or waits behind a cell.
_PATIENCE = 30.0
#: What a kernel that has something else to do answers.
_BUSY = {
    "complete_reply": {"matches": [], "cursor_start": 0, "cursor_end": 0},
    "inspect_reply": {"found": False, "data": {}},
}
ANSWERS = frozenset(_BUSY)


class Questions:
    """``envelope(channel, kind, content, parent)`` makes an answer of the kernel."""

    def __init__(self, envelope, reactor):
        self._envelope = envelope
        self._reactor = reactor
        self._asked = {}  # msg_id of a question → (the host that waits, type of the answer, timer)

    def ask(self, command, host, process):
        """Passes a question on to ``process``; None, a kernel that is not idle, is ``busy`` at once."""
        msg_id, kind = command["header"]["msg_id"], command["header"]["msg_type"]
        answer = kind.replace("_request", "_reply")
        if (
            process is None
            or len(self._asked) >= _MAX_OPEN
            or msg_id in self._asked
            or len(command["content"]["code"]) > _MAX_BYTES
        ):
            self._say_busy(host, answer, msg_id)
            return
        self._asked[msg_id] = host, answer, self._reactor.after(_PATIENCE, lambda: self._expire(msg_id))
        process.send({"msg_type": kind, "parent_header": {"msg_id": msg_id}, "content": command["content"]})

    def answered(self, kind, parent, content):
        host, answer, timer = self._asked.get(parent, (None, "", None))
        if answer == kind:
            del self._asked[parent]
            timer.cancel()
            host.answer(self._envelope("shell", kind, content, parent))

    def clear(self):
        """Who was asked is gone."""
        for msg_id in list(self._asked):
            self._expire(msg_id)

    def _expire(self, msg_id):
        host, answer, timer = self._asked.pop(msg_id)
        timer.cancel()
        self._say_busy(host, answer, msg_id)

    def _say_busy(self, host, answer, msg_id):
        host.answer(self._envelope("shell", answer, dict(_BUSY[answer], status="busy", metadata={}), msg_id))

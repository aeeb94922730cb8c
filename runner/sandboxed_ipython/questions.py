"""Requests for completions, documentation and signatures. A host asks the idle kernel, and only that host gets the answer."""

#: Number of questions that may be open, and characters of the code of one question.
_MAX_OPEN = 64
_MAX_CODE_CHARS = 4 * 1024 * 1024
#: Seconds after which a question counts as not answered: its answer was lost, or waits behind a cell.
_ANSWER_SECONDS = 30.0
#: The content of the answer while the kernel is busy.
_BUSY = {
    "complete_reply": {"matches": [], "cursor_start": 0, "cursor_end": 0},
    "inspect_reply": {"found": False, "data": {}},
    "signature_reply": {"signatures": []},
}
ANSWERS = frozenset(_BUSY)


class Questions:
    """The open questions of one kernel. ``envelope(channel, kind, content, parent)`` makes an answer of the kernel."""

    def __init__(self, envelope, reactor):
        self._envelope = envelope
        self._reactor = reactor
        self._asked = {}  # msg_id of a question → (the host that asked, ``msg_type`` of the answer, timer)

    def ask(self, command: dict, host, process) -> None:
        """Passes a question on to ``process``. If that is None, because the kernel is not idle, the answer is ``busy``
        at once.
        """
        msg_id, kind = command["header"]["msg_id"], command["header"]["msg_type"]
        answer = kind.replace("_request", "_reply")
        if (
            process is None
            or len(self._asked) >= _MAX_OPEN
            or msg_id in self._asked
            or len(command["content"]["code"]) > _MAX_CODE_CHARS
        ):
            self._answer_busy(host, answer, msg_id)
            return
        self._asked[msg_id] = host, answer, self._reactor.after(_ANSWER_SECONDS, lambda: self._expire(msg_id))
        process.send({"msg_type": kind, "parent_header": {"msg_id": msg_id}, "content": command["content"]})

    def on_answer(self, kind: str, parent: str, content: dict) -> None:
        """Passes an answer of the kernel on to the host that asked."""
        host, answer, timer = self._asked.get(parent, (None, "", None))
        if answer == kind:
            del self._asked[parent]
            timer.cancel()
            host.answer(self._envelope("shell", kind, content, parent))

    def clear(self) -> None:
        """Answers all open questions with ``busy``, because the process is gone."""
        for msg_id in list(self._asked):
            self._expire(msg_id)

    def _expire(self, msg_id):
        host, answer, timer = self._asked.pop(msg_id)
        timer.cancel()
        self._answer_busy(host, answer, msg_id)

    def _answer_busy(self, host, answer, msg_id):
        host.answer(self._envelope("shell", answer, dict(_BUSY[answer], status="busy", metadata={}), msg_id))

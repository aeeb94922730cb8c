"""Installs that processes of the running cell ask for (``childpip.py``): passed on one after the other, as if the cell had asked."""

from collections import deque

from .cell import CHILD_REQUESTS

#: Requests that may wait behind the open one.
_MAX_WAITING = 16
#: Characters of pip's lines that are kept for the process.
_MAX_TEXT = 256 * 1024
#: Seconds without a word after which nobody is at it.
_SILENCE = 120.0


class ChildInstalls:
    """``ask(request, content, cell)`` logs a request of the cell's; ``finish(msg_id, content)`` answers the process that has asked."""

    def __init__(self, reactor, ask, finish):
        self._reactor = reactor
        self._ask = ask
        self._finish = finish
        self._count = 0
        self._cell = None  # whose processes have asked
        self._waiting = deque()
        self._msg_id = self._request = ""  # of the open one
        self._lines, self._room = [], 0
        self._timer = None

    def add(self, msg_id, content, cell):
        """A process asks, while ``cell`` runs, if any does."""
        if cell is None or cell.is_comm:
            self._fail(msg_id, "no cell runs: an install is asked for while one does.")
        elif not cell.content["allow_stdin"]:
            self._fail(msg_id, "whoever runs this cell installs nothing.")
        elif len(self._waiting) >= _MAX_WAITING:
            self._fail(msg_id, "too many installs wait.")
        else:
            self._cell = cell
            self._waiting.append((msg_id, content))
            self._take_next()

    def answered(self, kind, content):
        """Takes what the host says if it is for the open request; whether it was. (A cell may ask for something else under the same id.)"""
        if kind not in ("install_output", "install_reply") or not self._request or content["request"] != self._request:
            return False
        if kind == "install_output":
            text = content["text"][: self._room]
            self._lines.append(text)
            self._room -= len(text)
            self._wait()
        else:
            self._close({"status": content["status"], "reason": content["reason"]})
            self._take_next()
        return True

    def end(self, reason="the cell that asked is over."):
        """The cell is over or interrupted, and with it what its processes have asked for: the host has called it off."""
        if self._request:
            self._close({"status": "error", "reason": reason})
        while self._waiting:
            self._fail(self._waiting.popleft()[0], reason)
        self._cell = None

    def _take_next(self):
        if self._request or not self._waiting:
            return
        self._msg_id, content = self._waiting.popleft()
        self._count += 1
        self._request = "%s%d" % (CHILD_REQUESTS, self._count)
        self._lines, self._room = [], _MAX_TEXT
        self._cell.opens(self._request)
        self._wait()
        self._ask(self._request, content, self._cell)

    def _wait(self):
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.after(_SILENCE, self._on_silence)

    def _on_silence(self):
        self._close({"status": "error", "reason": "nobody has answered for %d s." % _SILENCE})
        self._take_next()

    def _close(self, answer):
        self._timer.cancel()
        self._timer = None
        self._cell.takes_answer("request_over", self._request)
        msg_id, self._msg_id, self._request = self._msg_id, "", ""
        self._finish(msg_id, dict(answer, text="".join(self._lines)))

    def _fail(self, msg_id, reason):
        self._finish(msg_id, {"status": "error", "reason": reason, "text": ""})

"""Installs that processes of the running cell request (``childpip.py``). They are passed on one after the other, as if
the cell itself had requested them.
"""

from collections import deque

from .cell import CHILD_REQUEST_PREFIX

#: Number of requests that may wait behind the open one.
_MAX_WAITING = 16
#: Characters of pip's lines that are kept for the process.
_MAX_TEXT_CHARS = 256 * 1024
#: Seconds without a message from the host after which an install counts as not answered.
_SILENCE_SECONDS = 120.0


class ChildInstalls:
    """The install requests of the running cell's processes.

    Args:
        ask: ``ask(request, content, cell)`` logs a request of the cell.
        finish: ``finish(msg_id, content)`` answers the process that made the request ``msg_id``.
    """

    def __init__(self, reactor, ask, finish):
        self._reactor = reactor
        self._ask = ask
        self._finish = finish
        self._count = 0
        self._cell = None  # the cell whose processes made the requests
        self._waiting = deque()
        self._msg_id = self._request = ""  # of the open request
        self._texts, self._chars_left = [], 0
        self._timer = None

    def add(self, msg_id: str, content: dict, cell) -> None:
        """Takes a request of a process. ``cell`` is the running cell, or None."""
        if cell is None or cell.is_comm:
            self._fail(msg_id, "no cell is running: packages can only be installed while a cell runs.")
        elif not cell.content["allow_stdin"]:
            self._fail(msg_id, "the program that runs this cell installs no packages.")
        elif len(self._waiting) >= _MAX_WAITING:
            self._fail(msg_id, "too many installs are waiting.")
        else:
            self._cell = cell
            self._waiting.append((msg_id, content))
            self._take_next()

    def take_answer(self, kind: str, content: dict) -> bool:
        """Handles a host's message if it answers the open request, and returns whether it did.

        (A cell may have an open request of another kind with the same id.)
        """
        if kind not in ("install_output", "install_reply") or not self._request or content["request"] != self._request:
            return False
        if kind == "install_output":
            text = content["text"][: self._chars_left]
            self._texts.append(text)
            self._chars_left -= len(text)
            self._wait()
        else:
            self._close({"status": content["status"], "reason": content["reason"]})
            self._take_next()
        return True

    def end(self, reason: str = "the cell that requested it has ended.") -> None:
        """Ends all requests because the cell is over or interrupted. The host has cancelled them already."""
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
        self._request = "%s%d" % (CHILD_REQUEST_PREFIX, self._count)
        self._texts, self._chars_left = [], _MAX_TEXT_CHARS
        self._cell.opens(self._request)
        self._wait()
        self._ask(self._request, content, self._cell)

    def _wait(self):
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.after(_SILENCE_SECONDS, self._on_silence)

    def _on_silence(self):
        self._close({"status": "error", "reason": "there was no answer for %d s." % _SILENCE_SECONDS})
        self._take_next()

    def _close(self, answer):
        self._timer.cancel()
        self._timer = None
        self._cell.takes_answer("request_over", self._request)
        msg_id, self._msg_id, self._request = self._msg_id, "", ""
        self._finish(msg_id, dict(answer, text="".join(self._texts)))

    def _fail(self, msg_id, reason):
        self._finish(msg_id, {"status": "error", "reason": reason, "text": ""})

"""Messages from the supervisor: commands wait for the loop, in order, and answers go to the thread that asked.

Whoever waits reads the channel, and passes on what belongs to others: the loop while it runs, or a thread in
``input()`` while a cell keeps the loop busy. So a prompt is answered in any thread, and no thread takes a command that
arrived while it waited.
"""

import contextlib
import itertools
import os
import select
import threading
import time
from collections import deque

from .wakeup import keep

#: Types of messages that answer an open request.
_ANSWERS = frozenset(("input_reply", "install_output", "install_reply"))
#: Seconds between two looks of a thread whose request waits for another thread's request.
_LOOK_SECONDS = 0.1
_numbers = itertools.count(1)


class Inbox:
    """Reads the channel of ``kernel``.

    ``commands_came()`` is called, in any thread, when a command waits for :meth:`next_command` that the loop has not
    read itself.
    """

    def __init__(self, kernel, commands_came):
        self._kernel = kernel
        self._commands_came = commands_came
        self._commands = deque()
        self._answers = deque()  # answers to the open request
        self._request = ""
        self._interrupted = ""  # the cell that was interrupted before it began
        self._reading = threading.Lock()
        self._turn = threading.RLock()
        self._woken, self._waking = map(keep, os.pipe())

    def begin(self, msg_id: str) -> bool:
        """Begins a cell. Returns whether the cell has been interrupted already.

        Requests of earlier cells end, and do not hold up this cell, even if an interrupt has cut them short.
        """
        self._turn = threading.RLock()
        while self.read():
            pass
        return self._interrupted == msg_id

    def wake(self) -> None:
        """Makes a thread that waits for an answer check whether it still has to wait."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._waking, b"x")

    def read(self) -> bool:
        """Reads one message. Returns False if there is none. Raises EOFError if the supervisor is gone."""
        with self._reading:
            message = self._kernel.channel.receive()
            if message is None:
                return False
            kind = message["msg_type"]
            if kind == "interrupt_request":
                self._interrupted = message["parent_header"]["msg_id"]
            elif kind not in _ANSWERS:
                self._commands.append(message)
            elif self._request and (message.get("content") or {}).get("request") == self._request:
                self._answers.append(message)
                self.wake()
        return True

    def next_command(self) -> "dict | None":
        """Removes and returns the oldest command that waits, or returns None."""
        return self._commands.popleft() if self._commands else None

    @contextlib.contextmanager
    def request(self, msg_type, content):
        """Sends a request of the running cell when the requests of other threads are over.

        Yields ``answer(seconds=None)``, which waits for the next message that answers the request and returns it, or
        returns None after ``seconds``.

        Raises EOFError if the cell is over, and in other threads than the main one KeyboardInterrupt if the cell is
        interrupted.
        """
        cell, turn = self._kernel.running, self._turn
        self._check(cell)
        while not turn.acquire(timeout=_LOOK_SECONDS):
            self._check(cell)
        # The pid makes the id unique: a forked child continues its parent's numbers.
        request = "%d-%d" % (os.getpid(), next(_numbers))
        try:
            self._check(cell)
            self._answers.clear()
            self._request = request
            self._kernel.channel.send(msg_type, dict(content, request=request), cell)
            yield lambda seconds=None: self._next(cell, seconds)
        finally:
            self._request = ""
            turn.release()
            self._kernel.channel.send("request_over", {"request": request}, cell)

    def _next(self, cell, seconds):
        give_up = None if seconds is None else time.monotonic() + seconds
        interrupts = self._kernel.interrupts
        is_main = threading.current_thread() is threading.main_thread()
        if is_main:
            interrupts.wakeup.install()
        ends = [self._kernel.channel, self._woken, *([interrupts.wakeup.fd] if is_main else [])]
        while True:
            if self._answers:
                return self._answers.popleft()
            self._check(cell)
            left = None if give_up is None else max(0.0, give_up - time.monotonic())
            ready = select.select(ends, [], [], left)[0]
            if not ready:
                return None
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            if interrupts.wakeup.fd in ready:
                interrupts.wakeup.drain()
            if self._kernel.channel in ready:
                # An interrupt raises immediately, but must not do so in the middle of a message that may belong to
                # another thread.
                with interrupts.held() if is_main else contextlib.nullcontext():
                    self.read()
                if self._commands:
                    self._commands_came()

    def _check(self, cell):
        kernel = self._kernel
        if not cell or kernel.running != cell:
            raise EOFError("the cell that made this request has ended")
        if kernel.interrupts.pressed and threading.current_thread() is not threading.main_thread():
            raise KeyboardInterrupt

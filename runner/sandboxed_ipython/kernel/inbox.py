"""What the supervisor sends: commands wait for the loop in order, answers go to the thread that asked.

Whoever waits reads, and hands on what is not for it: the loop while it runs, a thread in ``input()`` while a cell keeps the
loop. So a prompt is answered wherever it was called, and no thread takes a command that came while it waited.
"""

import contextlib
import itertools
import os
import select
import threading
import time
from collections import deque

from .wakeup import keep

#: What belongs to an open request.
_ANSWERS = frozenset(("input_reply", "install_output", "install_reply"))
#: Seconds between two looks of a thread whose request waits for another thread's.
_LOOK = 0.1
_numbers = itertools.count(1)


class Inbox:
    """``commands_came`` is called, by any thread, when a command waits for :meth:`next_command` that the loop has not read itself."""

    def __init__(self, kernel, commands_came):
        self._kernel = kernel
        self._commands_came = commands_came
        self._commands = deque()
        self._answers = deque()  # to the request that is open
        self._request = ""
        self._interrupted = ""  # the cell that was, before it began
        self._reading = threading.Lock()
        self._turn = threading.RLock()
        self._woken, self._waking = map(keep, os.pipe())

    def begin(self, msg_id):
        """A cell begins; whether it has been interrupted already. Who asked during one before asks no more, nor holds it up
        if an interrupt cut it short."""
        self._turn = threading.RLock()
        while self.read():
            pass
        return self._interrupted == msg_id

    def wake(self):
        """Whoever waits for an answer looks whether it still has to."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._waking, b"x")

    def read(self):
        """Takes in a message; False if none is there. Raises EOFError when the supervisor is gone."""
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

    def next_command(self):
        """The oldest command that waits, or None."""
        return self._commands.popleft() if self._commands else None

    @contextlib.contextmanager
    def request(self, msg_type, content):
        """Sends a request of the cell that runs, once those of other threads are over; gives a function that waits for the next
        message that answers it, for at most ``seconds`` if they are given, and then is None.

        Raises EOFError where the cell is over, and in threads KeyboardInterrupt once it is interrupted.
        """
        cell, turn = self._kernel.running, self._turn
        self._check(cell)
        while not turn.acquire(timeout=_LOOK):
            self._check(cell)
        # A forked child counts on from where its parent was.
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
                # An interrupt raises where it hits: not in the middle of a message that may be another thread's.
                with interrupts.held() if is_main else contextlib.nullcontext():
                    self.read()
                if self._commands:
                    self._commands_came()

    def _check(self, cell):
        kernel = self._kernel
        if not cell or kernel.running != cell:
            raise EOFError("the cell that asked is over")
        if kernel.interrupts.pressed and threading.current_thread() is not threading.main_thread():
            raise KeyboardInterrupt

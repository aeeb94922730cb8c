"""The kernel's end of its channels: the pair for messages, and the two pipes for text, all in one order.

The supervisor reads the pair before the pipes, and reads a pipe only if it had text before that. So the order is exact
if nothing is sent on one channel while earlier text is unread in another. :meth:`Channel.settle` waits for that.
"""

import array
import os
import select
import socket
import sys
import threading
import time
from _thread import _count as thread_count
from fcntl import ioctl
from os import write
from termios import FIONREAD
from threading import get_ident

from .. import packets, wire

#: Seconds that the kernel waits for the supervisor to read. The supervisor never blocks, so waiting longer is useless.
_SETTLE_SECONDS = 2.0
#: Seconds that a thread waits at most for the rest of a line that another thread prints, and seconds between two looks
#: at that.
_LINE_SECONDS, _LINE_LOOK_SECONDS = 2.0, 0.0002
#: Name of the module whose streams write here on behalf of their callers.
_STREAMS_MODULE = __package__ + ".streams"


class MessageTooLong(ValueError):
    """A comm message is longer than a sandbox's log accepts."""

    def __init__(self, size):
        super().__init__(
            "a comm message of %d bytes is too long: %d are allowed, binary parts count four thirds"
            % (size, wire.MAX_COMM_BYTES)
        )


class Channel:
    """Messages to and from the supervisor, and raw text. The descriptors may be replaced while it lives (for a
    snapshot).

    Any thread may send and write. Each message, and each text of any length, stays whole. One lock serves all channels,
    because their order is common. The thread that holds the lock may take it again, because a signal's handler may
    print.

    ``print`` writes its arguments and its line end one by one, and each must be visible at once, because a call that
    takes a minute may follow. So a text without a line end is remembered together with the call that it came from, and
    other threads wait while that call is in progress.
    """

    def __init__(self, pair, stdout, stderr):
        self.socket = socket.socket(fileno=pair)
        self.pipes = {"stdout": stdout, "stderr": stderr}
        # the descriptor of the stream, and of the other stream
        self._fds = {"stdout": (stdout, stderr), "stderr": (stderr, stdout)}
        self._series = 0
        self._joiner = packets.Joiner(1 << 30)
        self._count = array.array(
            "i", [0]
        )  # the result of FIONREAD, used while the lock is held: a new array for each call takes twice as long
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self):
        """Makes a new lock. In a forked child, the thread that held the lock or was printing a line does not exist any
        more.
        """
        self._lock = threading.RLock()
        #: The thread whose text was the last one and did not end its line, or 0; the id of its caller's frame, and the
        #: instruction in that frame.
        self._line_thread = self._line_frame = self._line_instruction = 0
        self._line_awaited = None  # the time since which another thread waits for the rest of the line

    def fileno(self) -> int:
        """Returns the descriptor of the pair."""
        return self.socket.fileno()

    def send(
        self, msg_type: str, content: dict, parent: str, metadata: "dict | None" = None, buffers: "list | None" = None
    ) -> None:
        """Sends one message, after all text that was written before it.

        Args:
            msg_type, content, metadata, buffers: the fields of the message.
            parent: the ``msg_id`` that it belongs to.

        Raises MessageTooLong for a comm message, and Unsendable or RecursionError for content that JSON cannot hold.
        """
        message = {"msg_type": msg_type, "parent_header": {"msg_id": parent}, "content": content}
        if metadata:
            message["metadata"] = metadata
        if buffers:
            message["buffers"] = buffers
        with self._lock:
            whole = packets.split(message, self._next_series())
            size = sum(len(packet) for packet in whole)
            if msg_type in wire.COMM_KINDS and size > wire.MAX_COMM_BYTES:
                raise MessageTooLong(size)
            self.settle()
            for packet in whole:
                self._send(packet)

    def announce(self, msg_type: str, size: int, parent: str) -> None:
        """Reports the size of a message that exceeds every budget, without sending it."""
        with self._lock:
            self.settle()
            self._send(packets.announcement(msg_type, size, parent, self._next_series()))

    def write(self, name: str, data: bytes) -> None:
        """Writes bytes to the pipe of stdout or stderr, in one piece, after the text in the other pipe.

        Every ``print`` calls this twice, so the usual case is handled in this one function without calls of other
        methods.
        """
        fd, other = self._fds[name]
        while True:
            with self._lock:
                if not self._line_thread or self._line_thread == get_ident() or not self._is_line_awaited():
                    if data == b"\n":  # print() writes its line end by itself, right after its text
                        self._line_thread = 0
                    else:
                        count = self._count
                        ioctl(other, FIONREAD, count)
                        if count[0]:
                            self.settle()
                        if not thread_count() or data[-1] == 10:
                            self._line_thread = 0
                        else:
                            self._begin_line()
                    try:
                        written = write(fd, data)
                    except BlockingIOError:
                        written = 0
                    if written < len(data):
                        self._write_rest(fd, memoryview(data)[written:])
                    return
            time.sleep(_LINE_LOOK_SECONDS)

    def _begin_line(self):
        frame = sys._getframe(2)
        while frame.f_back is not None and frame.f_globals.get("__name__") == _STREAMS_MODULE:
            frame = frame.f_back
        self._line_thread, self._line_frame, self._line_instruction = get_ident(), id(frame), frame.f_lasti
        self._line_awaited = None

    def _is_line_awaited(self):
        """Returns whether the rest of a line that another thread has begun is still to come, as long as waiting for it
        makes sense.
        """
        if not self._is_printing(self._line_thread):
            return False
        now = time.monotonic()
        if self._line_awaited is None:
            self._line_awaited = now
        return now - self._line_awaited < _LINE_SECONDS

    def _is_printing(self, thread):
        """Returns whether a thread that has begun a line is still in the same call."""
        frame = sys._current_frames().get(thread)
        while frame is not None:
            if id(frame) == self._line_frame:
                return frame.f_lasti == self._line_instruction
            frame = frame.f_back
        return False

    @staticmethod
    def _write_rest(fd, data):
        """Waits for room as often as needed: a child of a cell may have made the pipe non-blocking for all processes
        that share it.
        """
        room = select.poll()
        room.register(fd, select.POLLOUT)
        while data:
            room.poll()
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                pass

    def settle(self) -> None:
        """Returns when the supervisor has read all text so far, or after :data:`_SETTLE_SECONDS`."""
        if not (self._unread("stdout") or self._unread("stderr")):
            return
        self._send(packets.DRAIN)
        give_up = time.monotonic() + _SETTLE_SECONDS
        pause = 0.00002
        while self._unread("stdout") or self._unread("stderr"):
            if time.monotonic() > give_up:
                return
            time.sleep(pause)
            pause = min(pause * 2, 0.002)

    def receive(self) -> "dict | None":
        """Returns the next whole message, or None if there is none or only a piece. Raises EOFError if the supervisor
        is gone.
        """
        while True:
            try:
                packet = self.socket.recv(packets.PACKET_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            if not packet:
                raise EOFError
            message = packets.parse(packet)
            if isinstance(message, packets.Piece):
                message = self._joiner.add(message)
            if isinstance(message, dict):
                return message

    def _next_series(self):
        self._series += 1
        return "%d-%d" % (os.getpid(), self._series)

    def _send(self, packet):
        self.socket.send(packet)

    def _unread(self, name):
        ioctl(self.pipes[name], FIONREAD, self._count)
        return self._count[0]

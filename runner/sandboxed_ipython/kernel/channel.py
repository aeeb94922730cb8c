"""The kernel's end of its channels: the pair of messages and the two pipes of text, in one order.

The supervisor reads the pair before the pipes, and a pipe only if it had text before. So order is exact if nothing is
sent on one channel while an earlier text is still unread in another: :meth:`Channel.settle` waits for that.
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

#: The supervisor never blocks; one that has not read for this long is not worth waiting for.
_SETTLE_DEADLINE = 2.0
#: Seconds for which a thread at most waits for the rest of a line that another one is printing, and between two looks at that.
_LINE_DEADLINE, _LINE_PAUSE = 2.0, 0.0002
#: Module of the streams that write here for somebody else.
_STREAMS = __package__ + ".streams"


class MessageTooLong(ValueError):
    """More than a sandbox's log takes in one piece."""

    def __init__(self, size):
        super().__init__(
            "a comm message of %d bytes is too long: %d are allowed, binary parts count four thirds"
            % (size, wire.MAX_COMM_BYTES)
        )


class Channel:
    """Messages to and from the supervisor, and raw text. Its descriptors may be replaced while it lives (a snapshot's).

    Any thread may send and write: each message, and each text however long, is whole. The lock is one for all channels, as
    their order is, and may be taken again by the thread that has it: a signal's handler may print.

    ``print`` writes its arguments and its end one by one, and each is to be seen at once: a call that takes a minute may follow.
    So a text without a line end is remembered with the call that it came from, and other threads wait while that call goes on.
    """

    def __init__(self, pair, stdout, stderr):
        self.socket = socket.socket(fileno=pair)
        self.pipes = {"stdout": stdout, "stderr": stderr}
        self._fds = {"stdout": (stdout, stderr), "stderr": (stderr, stdout)}  # the stream's own, and the other's
        self._series = 0
        self._joiner = packets.Joiner(1 << 30)
        self._count = array.array(
            "i", [0]
        )  # of one call of FIONREAD, within the lock: a fresh one each time takes twice as long
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self):
        """In a forked child the thread that had the lock, or was printing a line, is not there any more."""
        self._lock = threading.RLock()
        #: The thread whose text was the last and did not end its line, or 0, and of its caller the frame's id and instruction.
        self._line_thread = self._line_frame = self._line_instruction = 0
        self._line_awaited = None  # since when another thread waits for more of it

    def fileno(self):
        return self.socket.fileno()

    def send(self, msg_type, content, parent, metadata=None, buffers=None):
        """One message, after all text that was written before it. ``parent`` is a msg_id. Raises MessageTooLong for a comm's."""
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

    def announce(self, msg_type, size, parent):
        """Says of a message that is over every budget only how long it is."""
        with self._lock:
            self.settle()
            self._send(packets.announcement(msg_type, size, parent, self._next_series()))

    def write(self, name, data):
        """Writes bytes to fd 1's or fd 2's pipe, after what the other pipe holds and in one piece.

        Every ``print`` comes through here twice, so this is one function without calls of others where nothing is special.
        """
        fd, other = self._fds[name]
        while True:
            with self._lock:
                if not self._line_thread or self._line_thread == get_ident() or not self._is_line_awaited():
                    if data == b"\n":  # print() writes its end by itself, right behind its text
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
            time.sleep(_LINE_PAUSE)

    def _begin_line(self):
        frame = sys._getframe(2)
        while frame.f_back is not None and frame.f_globals.get("__name__") == _STREAMS:
            frame = frame.f_back
        self._line_thread, self._line_frame, self._line_instruction = get_ident(), id(frame), frame.f_lasti
        self._line_awaited = None

    def _is_line_awaited(self):
        """Whether the rest of a line that another thread has begun is still to come, as far as one can wait for it."""
        if not self._is_printing(self._line_thread):
            return False
        now = time.monotonic()
        if self._line_awaited is None:
            self._line_awaited = now
        return now - self._line_awaited < _LINE_DEADLINE

    def _is_printing(self, thread):
        """Whether a thread that has begun a line is still in the call that did."""
        frame = sys._current_frames().get(thread)
        while frame is not None:
            if id(frame) == self._line_frame:
                return frame.f_lasti == self._line_instruction
            frame = frame.f_back
        return False

    @staticmethod
    def _write_rest(fd, data):
        """Waits for room as often as it takes: what a cell has started may have made the pipe non-blocking for all who share it."""
        room = select.poll()
        room.register(fd, select.POLLOUT)
        while data:
            room.poll()
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                pass

    def settle(self):
        """Returns when the supervisor has read all text so far."""
        if not (self._unread("stdout") or self._unread("stderr")):
            return
        self._send(packets.DRAIN)
        give_up = time.monotonic() + _SETTLE_DEADLINE
        pause = 0.00002
        while self._unread("stdout") or self._unread("stderr"):
            if time.monotonic() > give_up:
                return
            time.sleep(pause)
            pause = min(pause * 2, 0.002)

    def receive(self):
        """The next whole message, or None (nothing there, or only a piece). Raises EOFError when the supervisor is gone."""
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

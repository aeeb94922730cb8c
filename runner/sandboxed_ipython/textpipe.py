"""The reading end of a pipe that carries a kernel's text, and how often it is read while much text comes."""

import array
import codecs
import fcntl
import os
import select
import termios
import time

from . import linux

#: Bytes that the pipe holds where Linux allows it, and where it does not.
_WANTED_BYTES, _USUAL_BYTES = 256 * 1024, 64 * 1024
#: Bytes of one read. As JSON they fit into one line of the log even where every other character needs an escape.
READ_BYTES = 64 * 1024
#: Seconds between two reads of a burst, from its beginning on, so that many small writes become few events.
_PAUSES = (0.004, 0.016, 0.05)
#: A shorter pause is not worth a timer: the selector waits for whole milliseconds.
_LEAST_PAUSE = 0.001
_count = array.array("i", [0])


class TextPipe:
    """Owns ``fd``, which becomes non-blocking. ``name`` says which stream of the kernel it is.

    Text that comes before the pause since the last read is over belongs to a burst. Pauses grow while a burst lasts, but never so
    far that the pipe would be more than half full at the rate at which it was filled last: a writer does not wait for a pause.
    """

    __slots__ = ("_capacity", "_next_pause", "_pause", "_read_at", "decoder", "ended", "fd", "name", "timer")

    def __init__(self, name, fd):
        self.name = name
        self.fd = fd
        os.set_blocking(fd, False)
        self._capacity = linux.set_pipe_size(fd, _WANTED_BYTES) or _USUAL_BYTES
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.ended = False
        #: The reactor's timer of a pause that text waits for, or None.
        self.timer = None
        self._read_at = self._pause = 0.0  # of the last read: when, and the seconds that text is let gather behind it
        self._next_pause = 0  # index of _PAUSES

    def unread(self):
        """Bytes that are there to read."""
        if self.ended:
            return 0
        fcntl.ioctl(self.fd, termios.FIONREAD, _count)
        return _count[0]

    def read(self):
        """Up to :data:`READ_BYTES` bytes; None if there is nothing, ``b""`` if nobody can write any more."""
        try:
            return os.read(self.fd, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return None

    def seconds_to_wait(self):
        """How long the text that has just come should wait for more; 0.0 if it is to be read at once."""
        left = self._read_at + self._pause - time.monotonic()
        if left > 0:
            return left
        self._next_pause = 0  # the burst, if there was one, is over
        return 0.0

    def begin_pause(self, taken, unread):
        """After ``taken`` bytes were read and ``unread`` were left there."""
        now = time.monotonic()
        if (taken + unread) * 4 > self._capacity * 3:  # somebody may wait for room already
            self._pause = 0.0
        else:
            pause = min(
                _PAUSES[self._next_pause], (self._capacity / 2 - unread) * (now - self._read_at) / max(1, taken)
            )
            self._pause = pause if pause >= _LEAST_PAUSE else 0.0
        self._read_at = now
        self._next_pause = min(self._next_pause + 1, len(_PAUSES) - 1)

    def end_burst(self):
        """What comes next is the first text of a burst, if it is one."""
        self._next_pause = 0

    def hung_up(self):
        """Whether nobody can write any more and nothing is left to read."""
        return not self.ended and events_of(self.fd) == select.POLLHUP

    def close(self, reactor):
        """Gives up the descriptor, the watch on it and the pause."""
        if not self.ended:
            self.ended = True
            self.cancel_pause()
            reactor.unwatch(self.fd)
            os.close(self.fd)

    def cancel_pause(self):
        """Whether text was waiting for the end of a pause."""
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()
        return timer is not None


def events_of(fd):
    """What ``poll`` says of a descriptor now, of its readable side."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return next((events for _, events in poll.poll(0)), 0)

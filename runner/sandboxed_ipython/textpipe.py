"""The reading end of a pipe with a kernel's text, and how often it is read while much text comes."""

import array
import codecs
import fcntl
import os
import select
import termios
import time

from . import linux

#: Bytes that the pipe should hold, and bytes that it holds if Linux refuses that.
_WANTED_CAPACITY_BYTES, _USUAL_CAPACITY_BYTES = 256 * 1024, 64 * 1024
#: Bytes of one read. As JSON they fit into one line of the log even if every other character needs an escape.
READ_BYTES = 64 * 1024
#: Seconds between the reads of a burst, from its beginning on, so that many small writes become few events.
_PAUSES_SECONDS = (0.004, 0.016, 0.05)
#: A shorter pause is not worth a timer, because the selector waits for whole milliseconds.
_MIN_PAUSE_SECONDS = 0.001
_count = array.array("i", [0])


class TextPipe:
    """The pipe ``fd``, which becomes non-blocking and is owned by this object, for the stream ``name`` of a kernel.

    Text that comes before the pause since the last read is over belongs to a burst. Pauses grow while a burst lasts,
    but only so far that the pipe would be no more than half full at the rate at which it was filled last. So a writer
    does not have to wait for a pause.
    """

    __slots__ = ("_capacity", "_next_pause", "_pause", "_read_at", "decoder", "ended", "fd", "name", "timer")

    def __init__(self, name, fd):
        self.name = name
        self.fd = fd
        os.set_blocking(fd, False)
        self._capacity = linux.set_pipe_size(fd, _WANTED_CAPACITY_BYTES) or _USUAL_CAPACITY_BYTES
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.ended = False
        #: The reactor's timer if text waits for the end of a pause, or None.
        self.timer = None
        self._read_at = self._pause = 0.0  # the time of the last read, and the seconds for which text gathers after it
        self._next_pause = 0  # index of _PAUSES_SECONDS

    def unread(self) -> int:
        """Returns the number of bytes that can be read."""
        if self.ended:
            return 0
        fcntl.ioctl(self.fd, termios.FIONREAD, _count)
        return _count[0]

    def read(self) -> "bytes | None":
        """Returns up to :data:`READ_BYTES` bytes; None if there is nothing; ``b""`` if nobody can write any more."""
        try:
            return os.read(self.fd, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return None

    def seconds_to_wait(self) -> float:
        """Returns how long text that has just come should wait for more, or 0.0 if it should be read at once."""
        left = self._read_at + self._pause - time.monotonic()
        if left > 0:
            return left
        self._next_pause = 0  # a burst, if there was one, is over
        return 0.0

    def begin_pause(self, taken: int, unread: int) -> None:
        """Decides how long to wait with the next read, after ``taken`` bytes were read and ``unread`` bytes were left."""
        now = time.monotonic()
        if (taken + unread) * 4 > self._capacity * 3:  # a writer may be waiting for room already
            self._pause = 0.0
        else:
            pause = min(
                _PAUSES_SECONDS[self._next_pause], (self._capacity / 2 - unread) * (now - self._read_at) / max(1, taken)
            )
            self._pause = pause if pause >= _MIN_PAUSE_SECONDS else 0.0
        self._read_at = now
        self._next_pause = min(self._next_pause + 1, len(_PAUSES_SECONDS) - 1)

    def end_burst(self) -> None:
        """Treats the text that comes next as the first text of a burst."""
        self._next_pause = 0

    def hung_up(self) -> bool:
        """Returns whether nobody can write any more and nothing is left to read."""
        return not self.ended and events_of(self.fd) == select.POLLHUP

    def close(self, reactor) -> None:
        """Closes the descriptor and removes the watch on it and the pause."""
        if not self.ended:
            self.ended = True
            self.cancel_pause()
            reactor.unwatch(self.fd)
            os.close(self.fd)

    def cancel_pause(self) -> bool:
        """Cancels a pause. Returns whether text was waiting for its end."""
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()
        return timer is not None


def events_of(fd: int) -> int:
    """Returns what ``poll`` reports for the readable side of a descriptor."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return next((events for _, events in poll.poll(0)), 0)

"""Wakes a wait when a signal comes, for the kernel and for an event loop of a cell that listens for signals too."""

import fcntl
import os
import signal
import stat

from .. import linux

#: Descriptors up to this number belong to cells.
_LAST_LOW_FD = 99
#: Signals that are only for the kernel: an event loop with a handler for one of them would also act on each press.
_KERNEL_SIGNALS = bytes((signal.SIGINT, linux.NUDGE))


class Wakeup:
    """Reads Python's "wakeup fd".

    Python runs a signal's handler only when it runs code. So a wait that begins right after a signal must have
    something else that ends it: the wakeup fd, of which a process has one. ``loop.add_signal_handler`` sets a loop's
    own wakeup fd, and the loop notices its signals in no other way. Therefore everything that is read here is passed on
    to the wakeup fd that was set before.
    """

    def __init__(self):
        self.fd, self._waking = map(keep, os.pipe())
        self._other = None  # (fd, identity) of the descriptor to which signals are passed on
        self.install()

    def install(self) -> None:
        """Sets the wakeup fd again if a cell has set another one. Must be called in the main thread."""
        before = signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        if before != self._waking:
            self._other = (before, _identity(before)) if before >= 0 else None

    def drain(self) -> None:
        """Reads :attr:`fd`. Code that waits for it must call this once it is readable."""
        try:
            signals = os.read(self.fd, 4096).translate(None, _KERNEL_SIGNALS)
        except BlockingIOError:
            return
        if signals and self._other is not None:
            fd, identity = self._other
            if identity is None or _identity(fd) != identity:
                self._other = None  # it was closed, and the number may belong to another file by now
                return
            try:
                os.write(fd, signals)
            except OSError:
                pass  # it is full, so its reader has enough to read


def keep(fd: int) -> int:
    """Moves a descriptor to a number that no cell closes by accident, and makes it non-blocking. Returns the new
    number.
    """
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LAST_LOW_FD + 1)
    os.close(fd)
    os.set_blocking(high, False)
    return high


def _identity(fd):
    """Returns an identity of the pipe or socket ``fd``, or None if it is neither or is closed."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISSOCK(status.st_mode) or stat.S_ISFIFO(status.st_mode) else None

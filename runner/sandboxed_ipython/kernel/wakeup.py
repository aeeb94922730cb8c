"""What wakes a wait when a signal comes, for us and for an event loop of a cell's that listens for signals too."""

import fcntl
import os
import signal
import stat

from .. import linux

#: Lower numbers belong to cells.
_LOW_FDS = 99
#: Signals that are ours alone: a loop with a handler for one of them would act on each press beside us.
_OURS = bytes((signal.SIGINT, linux.NUDGE))


class Wakeup:
    """Python runs a signal's handler only when it runs code, so a wait that a signal just precedes must have something else to
    end it: Python's "wakeup fd", of which there is one in a process. ``loop.add_signal_handler`` puts the loop's own there and
    sees its signals by no other way. So what we read is passed on to the one that was there before.
    """

    def __init__(self):
        self.fd, self._waking = map(keep, os.pipe())
        self._other = None  # (fd, identity) of whom signals are passed on to
        self.install()

    def install(self):
        """Takes the place back, if a cell has put another's there. In the main thread only."""
        before = signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        if before != self._waking:
            self._other = (before, _identity(before)) if before >= 0 else None

    def drain(self):
        """Whoever waits for :attr:`fd` calls this once it is readable."""
        try:
            signals = os.read(self.fd, 4096).translate(None, _OURS)
        except BlockingIOError:
            return
        if signals and self._other is not None:
            fd, identity = self._other
            if identity is None or _identity(fd) != identity:
                self._other = None  # it was closed, and the number may be somebody's file by now
                return
            try:
                os.write(fd, signals)
            except OSError:
                pass  # full: whom it belongs to has enough to read


def keep(fd):
    """The same under a number that no cell closes by accident; it never blocks."""
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOW_FDS + 1)
    os.close(fd)
    os.set_blocking(high, False)
    return high


def _identity(fd):
    """Which pipe or socket it is; None for what is neither, or closed."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISSOCK(status.st_mode) or stat.S_ISFIFO(status.st_mode) else None

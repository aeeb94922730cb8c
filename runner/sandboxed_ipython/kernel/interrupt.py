"""What SIGINT means in a kernel: it ends the foreground cell, be it synchronous or awaiting, and nothing else."""

import asyncio
import signal


class Interrupts:
    """Installed while the kernel lives. The supervisor sends SIGINT only once a cell has said that it begins, so one that
    comes outside a cell is late and does nothing."""

    def __init__(self, loop):
        self._loop = loop
        self._begun = False
        self._in_code = False
        self.task = None  # the foreground cell's, if it is asynchronous
        self.pressed = False  # during this cell
        signal.signal(signal.SIGINT, self._on_sigint)

    def begin(self):
        """A cell begins: before the supervisor is told. An earlier cell may have set a handler of its own."""
        signal.signal(signal.SIGINT, self._on_sigint)
        self.pressed = False
        self._begun = True

    def enter(self):
        """Its code is about to run; raises KeyboardInterrupt if it was interrupted since it began."""
        self._in_code = True
        if self.pressed:
            raise KeyboardInterrupt

    def leave(self):
        """Its code is over: nothing is raised any more."""
        self._begun = self._in_code = False
        self.task = None

    def _on_sigint(self, _number, frame):
        if not self._begun:
            return
        self.pressed = True
        if not self._in_code or (self.task is not None and self.task.done()):
            return
        if self.task is None or _inside_callback(frame):
            raise KeyboardInterrupt
        # In the loop's own select: a plain cancel() would not wake it.
        self._loop.call_soon_threadsafe(self.task.cancel)


def _inside_callback(frame):
    """Whether the loop is running somebody's code, and not waiting."""
    while frame is not None:
        if frame.f_code is asyncio.Handle._run.__code__:
            return True
        frame = frame.f_back
    return False

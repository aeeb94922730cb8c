"""What SIGINT means in a kernel: it ends the foreground cell, be it synchronous or awaiting, and nothing else."""

import asyncio
import signal


class Interrupts:
    """Installed while the kernel lives; outside a cell a SIGINT does nothing."""

    def __init__(self, loop):
        self._loop = loop
        self.task = None  # the foreground cell's, if it is asynchronous
        self.in_cell = False
        self.pressed = False  # during this cell
        signal.signal(signal.SIGINT, self._on_sigint)

    def _on_sigint(self, _number, frame):
        if not self.in_cell:
            return
        self.pressed = True
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

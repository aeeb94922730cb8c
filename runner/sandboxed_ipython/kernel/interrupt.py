"""What SIGINT means in a kernel: it ends the foreground cell, synchronous or awaiting, and nothing else."""

import asyncio
import contextlib
import os
import signal

from .. import linux
from .frames import is_foreign, is_ours
from .wakeup import Wakeup


class Interrupts:
    """Handles SIGINT while the kernel lives.

    A SIGINT outside a cell hits at most a task that holds the loop. It may be late, or may be meant for a cell that has
    not begun; such a cell also gets a message.

    Within a cell, a SIGINT raises KeyboardInterrupt where the cell's code runs. If it comes while IPython's code around
    the cell runs, it stays due until the cell's code is entered or the supervisor's nudge finds the process there.
    Raised in IPython's code it could leave a lock taken forever, or be swallowed by code that calls callbacks.

    Args:
        loop: the kernel's event loop.
        on_press: ``on_press()`` is called at each SIGINT within a cell.
    """

    def __init__(self, loop, on_press):
        self._loop = loop
        self.on_press = on_press
        self._begun = False
        self._in_code = False
        self.task = None  # the task of the foreground cell, if it is asynchronous
        self.pressed = False  # True if this cell was interrupted
        self._due = False  # True if an interrupt has not reached the cell's code yet
        self._held = 0
        self._late = False
        #: Ends a wait when a signal comes; code that waits for it calls its ``drain``.
        self.wakeup = Wakeup()
        loop.add_reader(self.wakeup.fd, self.wakeup.drain)
        self._install()
        signal.signal(linux.NUDGE, self._on_nudge)

    def _install(self):
        signal.signal(signal.SIGINT, self._on_sigint)
        self.wakeup.install()

    def begin(self) -> None:
        """Must be called when a cell begins, before the supervisor gets a message about it. An earlier cell may have
        set a signal handler of its own.
        """
        self._install()
        self.pressed = self._due = self._in_code = self._late = False
        self._begun = True

    def press(self) -> None:
        """Notes that the cell was interrupted while it waited for its turn."""
        self.pressed = self._due = True

    @contextlib.contextmanager
    def held(self):
        """Delays interrupts until the end of the block, so that what was begun is not left half done."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if not self._held and self._late:
            self._late = self._due = False
            raise KeyboardInterrupt

    def enter(self) -> None:
        """Must be called when the cell's code is about to run. Raises KeyboardInterrupt if the cell was interrupted
        since it began, or since its code last ran.
        """
        self._in_code = True
        if self._due:
            self._due = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def code(self):
        """Marks a block in which the cell's code runs. Blocks may be nested and may follow each other."""
        outer = self._in_code
        try:
            self.enter()
            yield
        finally:
            self._in_code = outer

    def resume(self) -> None:
        """Marks that code of the cell runs once more, until :meth:`leave`. Must not be called if the cell was
        interrupted.
        """
        self._begun = self._in_code = True

    def leave(self) -> None:
        """Must be called when the cell's code is over. Nothing is raised from then on, whatever signal handler the cell
        has set.
        """
        self._begun = self._in_code = False
        self.task = None
        signal.signal(signal.SIGINT, self._on_sigint)

    def _on_sigint(self, _number, frame):
        if not self._begun:
            # The signal is for a cell that waits for its turn and gets a message about it when it begins.
            if _is_in_a_callback(frame):
                raise KeyboardInterrupt  # ends the task that holds the loop, or the cell could never begin
            return
        self.pressed = self._due = True
        self.on_press()
        if self.task is not None and self.task.done():
            return
        if self._waits():
            self._cancel_soon()
            if _is_in_a_callback(frame):
                raise KeyboardInterrupt  # code of another task keeps the loop, or the cell waits for that code
        elif not _is_ignored(frame):
            self._hit(frame)

    def _on_nudge(self, _number, frame):
        """Handles the signal that ends a system call, which happens by itself.

        In addition, code (IPython's or the loop's) that was just about to run the cell's code when the interrupt came
        may have begun it and not have returned since. Then the due interrupt is raised now.
        """
        if self._begun and self._in_code and self._due:
            if self._waits():
                self._cancel_soon()
            else:
                self._hit(frame)

    def _waits(self):
        return self.task is not None and asyncio.current_task(self._loop) is not self.task

    def _cancel_soon(self):
        # The loop may be waiting in its select, which a plain cancel() would not wake.
        self._loop.call_soon_threadsafe(self._cancel, self.task)

    def _cancel(self, task):
        if self._due and task is self.task:
            self._due = False
            task.cancel()

    def _hit(self, frame):
        """Raises KeyboardInterrupt if code of the cell or of a callback runs. After a callback is interrupted, the
        interrupt stays due, so that the cell's code does not run either.
        """
        if self._held:
            self._late = True
        elif _is_called_by_a_cell(frame):
            self._due = not self._in_code
            raise KeyboardInterrupt


def _is_called_by_a_cell(frame):
    """Returns whether a frame runs, or was called by, code of the user or of a library: of the cell, a callback or an
    input transformer.
    """
    while frame is not None and frame.f_code is not asyncio.Handle._run.__code__:
        if is_foreign(frame):
            return True
        frame = frame.f_back
    return False


def _is_ignored(frame):
    """Returns whether Python would only print an exception that is raised in this frame, and continue: it calls such
    functions when an object is deleted.
    """
    code = frame.f_code
    return code.co_name == "__del__" or (
        code.co_name in ("_remove", "remove") and os.path.basename(code.co_filename) in ("_weakrefset.py", "weakref.py")
    )


def _is_in_a_callback(frame):
    """Returns whether the loop runs a callback that is not the runner's own.

    Otherwise the loop waits or is between two callbacks, where an exception would hit nobody, or runs the runner's
    code, where an exception would end the kernel.
    """
    inner = None
    while frame is not None:
        if frame.f_code is asyncio.Handle._run.__code__:
            return inner is not None and not is_ours(inner)
        inner, frame = frame, frame.f_back
    return False

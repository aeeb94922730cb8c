"""What SIGINT means in a kernel: it ends the foreground cell, be it synchronous or awaiting, and nothing else."""

import asyncio
import contextlib
import os
import signal

from .. import linux
from .frames import is_foreign, is_ours
from .wakeup import Wakeup


class Interrupts:
    """Installed while the kernel lives. A SIGINT that comes outside a cell hits at most a task that holds the loop: it may be
    late, and one that is for a cell that has not begun comes as a message too.

    Within a cell it raises where code of the cell's runs. What IPython does around that is let go on, and the interrupt is due
    until code is entered, or the supervisor's nudge finds it there: raised in IPython it could leave a lock taken for ever, or be
    swallowed by what calls callbacks.

    ``on_press`` is called at each SIGINT within a cell.
    """

    def __init__(self, loop, on_press):
        self._loop = loop
        self.on_press = on_press
        self._begun = False
        self._in_code = False
        self.task = None  # the foreground cell's, if it is asynchronous
        self.pressed = False  # during this cell
        self._due = False  # it was pressed, and code of the cell's is yet to see it
        self._held = 0
        self._late = False
        #: What ends a wait at a signal; whoever waits calls its ``drain``.
        self.wakeup = Wakeup()
        loop.add_reader(self.wakeup.fd, self.wakeup.drain)
        self._install()
        signal.signal(linux.NUDGE, self._on_nudge)

    def _install(self):
        signal.signal(signal.SIGINT, self._on_sigint)
        self.wakeup.install()

    def begin(self):
        """A cell begins: before the supervisor is told. An earlier cell may have set a handler of its own."""
        self._install()
        self.pressed = self._due = self._in_code = self._late = False
        self._begun = True

    def press(self):
        """It has been interrupted while it waited."""
        self.pressed = self._due = True

    @contextlib.contextmanager
    def held(self):
        """An interrupt that comes meanwhile is raised at the end, so that what is begun is not left half done."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if not self._held and self._late:
            self._late = self._due = False
            raise KeyboardInterrupt

    def enter(self):
        """Its code is about to run; raises KeyboardInterrupt if it was interrupted since it began, or since code of it ran last."""
        self._in_code = True
        if self._due:
            self._due = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def code(self):
        """A part of its code runs, of which there may be more within this one or after it."""
        outer = self._in_code
        try:
            self.enter()
            yield
        finally:
            self._in_code = outer

    def resume(self):
        """Code of the cell's runs once more, until :meth:`leave`; not if it was interrupted."""
        self._begun = self._in_code = True

    def leave(self):
        """Its code is over: nothing is raised any more, whatever handler it has set."""
        self._begun = self._in_code = False
        self.task = None
        signal.signal(signal.SIGINT, self._on_sigint)

    def _on_sigint(self, _number, frame):
        if not self._begun:
            # For a cell that waits for its turn, and is told when it begins.
            if _is_in_a_callback(frame):
                raise KeyboardInterrupt  # what holds the loop goes, or the cell could never begin
            return
        self.pressed = self._due = True
        self.on_press()
        if self.task is not None and self.task.done():
            return
        if self._waits():
            self._cancel_soon()
            if _is_in_a_callback(frame):
                raise KeyboardInterrupt  # code of another task keeps the loop, or is what the cell waits for
        elif not _is_ignored(frame):
            self._hit(frame)

    def _on_nudge(self, _number, frame):
        """That it ends a system call is what it is for. And what was just about to run code when it was interrupted, IPython or
        the loop, may have begun that, and not come back since."""
        if self._begun and self._in_code and self._due:
            if self._waits():
                self._cancel_soon()
            else:
                self._hit(frame)

    def _waits(self):
        return self.task is not None and asyncio.current_task(self._loop) is not self.task

    def _cancel_soon(self):
        # It may wait in the loop's own select, which a plain cancel() would not wake.
        self._loop.call_soon_threadsafe(self._cancel, self.task)

    def _cancel(self, task):
        if self._due and task is self.task:
            self._due = False
            task.cancel()

    def _hit(self, frame):
        """Raises if code of the cell's or of a callback's runs; no code is to run behind a callback."""
        if self._held:
            self._late = True
        elif _is_called_by_a_cell(frame):
            self._due = not self._in_code
            raise KeyboardInterrupt


def _is_called_by_a_cell(frame):
    """Whether code of the user's or of a library's runs, itself or what it calls: of the cell, a callback, a transformer."""
    while frame is not None and frame.f_code is not asyncio.Handle._run.__code__:
        if is_foreign(frame):
            return True
        frame = frame.f_back
    return False


def _is_ignored(frame):
    """Whether Python prints what is raised here and goes on: it calls this when an object goes."""
    code = frame.f_code
    return code.co_name == "__del__" or (
        code.co_name in ("_remove", "remove") and os.path.basename(code.co_filename) in ("_weakrefset.py", "weakref.py")
    )


def _is_in_a_callback(frame):
    """Whether the loop is running somebody's code: it is not waiting, nor between two callbacks, where an exception would hit
    nobody, nor is it ours, where one would end the kernel."""
    inner = None
    while frame is not None:
        if frame.f_code is asyncio.Handle._run.__code__:
            return inner is not None and not is_ours(inner)
        inner, frame = frame, frame.f_back
    return False

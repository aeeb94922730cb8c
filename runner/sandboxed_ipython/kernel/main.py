"""One kernel from its fork to its end: one event loop for life, which runs cells, and their tasks between the cells."""

import asyncio
import contextlib
import contextvars
import os
import selectors
import sys
import traceback

from .. import linux, oomscore, packets, wire
from . import answers, bounds, bundles, finalize, missing, network, noroom
from . import shell as shells
from .channel import Channel
from .comm_requests import CommRequests
from .flags import show_no_isolation
from .inbox import Inbox
from .installs import Installs
from .interrupt import Interrupts
from .prompts import Prompts
from .streams import NO_CELL, CellStream, can_be_written, current_cell
from .warmup import WarmUp
from .workingfolder import WorkingFolder

#: The loop's descriptors have higher numbers than this, like those of the channels.
_LAST_LOW_FD = 99


class Kernel:
    """Takes one message at a time from the supervisor and answers it.

    Args:
        options: the :class:`Options`.
        pair, stdout, stderr: the descriptors of the channels to the supervisor.
    """

    def __init__(self, options, pair, stdout, stderr):
        self.channel = Channel(pair, stdout, stderr)
        self.running = ""
        #: Header of the cell that runs or ran last, to which output of threads belongs. While a comm message is
        #: handled, it is the header of that message.
        self.parent = {"msg_id": "", "msg_type": "execute_request"}
        self.exiting = False
        self._max_output = options.max_output
        self._pid = os.getpid()
        self._count = 0
        self._context = contextvars.copy_context()
        self._comm_requests = CommRequests(self, self._context)
        self._streams = {"stdout": CellStream(self, "stdout", 1), "stderr": CellStream(self, "stderr", 2)}
        sys.stdout, sys.stderr = self._streams.values()
        # separate objects, as under ipykernel
        sys.__stdout__, sys.__stderr__ = CellStream(self, "stdout", 1), CellStream(self, "stderr", 2)
        shells.prepare_environment(options)
        show_no_isolation()
        self.loop = _make_loop()
        asyncio.set_event_loop(self.loop)
        self.inbox = Inbox(self, lambda: self.loop.call_soon_threadsafe(self._take_next))
        self.interrupts = Interrupts(self.loop, self.inbox.wake)
        self.prompts = Prompts(self)
        self.installs = Installs(self)
        self.network = network.Network()
        self.shell = shells.make(self, options.history_size)
        self._folder = WorkingFolder(options.home)
        self._warm_up = None

    def send(self, msg_type: str, content: dict, metadata: "dict | None" = None, buffers: "list | None" = None) -> None:
        """Sends a message of the cell that the calling code belongs to. Sends nothing if the code belongs to no cell,
        as while the kernel warms up.

        Raises as :func:`bundles.checked`, :func:`bundles.check_comm` and :meth:`Channel.send` do, and ValueError for
        content that JSON cannot hold.
        """
        parent = current_cell.get() or self.parent["msg_id"]
        # comm messages are always sent, because the state of the other end depends on them
        if parent == NO_CELL and msg_type in wire.COMM_KINDS:
            parent = self.parent["msg_id"]
        if parent in ("", NO_CELL):
            return
        is_display = msg_type in bundles.DISPLAYS
        if is_display:
            content = bundles.checked(content)
            if msg_type == "execute_result" and not content["data"]:
                return
            if bundles.size_of(content) > self._max_output:
                self.channel.announce(msg_type, bundles.size_of(content), parent)
                return
        elif msg_type in wire.COMM_KINDS:
            bundles.check_comm(content)
        try:
            self.channel.send(msg_type, content, parent, metadata, buffers)
        except packets.Unsendable as error:
            raise (
                bundles.unsendable(content) if is_display else ValueError("a %s holds %s" % (msg_type, error))
            ) from None

    def serve(self) -> None:
        """Runs the loop until the supervisor is gone. Never returns."""
        os.register_at_fork(after_in_child=self._end_copy_soon)
        self.channel.send("ready", {"pid": os.getpid()}, "")
        self.loop.add_reader(self.channel.fileno(), self._on_readable)
        self._warm_up = WarmUp(self.loop, self.shell)
        while True:
            try:
                self.loop.run_forever()
            except KeyboardInterrupt:
                continue  # the interrupt hit a task between cells; the loop continues
            except SystemExit:
                traceback.print_exc()

    @property
    def is_copy(self) -> bool:
        """Whether this process is a fork of the kernel that reached the end of a cell or of a task's step. It is no
        kernel; the kernel that forked it answers.
        """
        return os.getpid() != self._pid

    def _end_copy_soon(self):
        """Makes a forked child end as soon as it returns to the loop.

        Such a child must read nothing in the loop, because its channels, and the pipe through which other threads wake
        the loop, are its parent's.
        """
        with contextlib.suppress(RuntimeError):  # the loop is closed, or is in debug mode and another thread forked
            self.loop.call_soon(self._end_if_copy)

    def _end_if_copy(self):
        if self.is_copy:
            os._exit(0)

    def begin(self, msg_id: str, msg_type: str) -> None:
        """Must be called when a cell or a comm message is about to be handled. A SIGINT may come as soon as the
        supervisor knows of it.
        """
        self._warm_up.cancel()
        self.running = msg_id
        self.parent = {"msg_id": msg_id, "msg_type": msg_type}
        self.exiting = False
        self.network.begin()
        self.interrupts.begin()
        if self.inbox.begin(msg_id):
            self.interrupts.press()
            self.channel.send("interrupt_taken", {}, msg_id)  # otherwise a SIGINT would follow
        self._context.run(current_cell.set, msg_id)

    def end(self) -> None:
        """Must be called when a cell or a comm message is over and its reply was sent."""
        self.prompts.allowed = self.installs.allowed = False
        self.running = ""
        self.inbox.wake()

    # ------------------------------------------------------------------------------------------------ the loop

    def _on_readable(self):
        self._end_if_copy()  # also covers a child that was forked without Python's knowledge
        try:
            self.inbox.read()
        except EOFError:
            os._exit(0)
        except BaseException:
            self._give_up()
        self._take_next()

    def _take_next(self):
        """Takes one command, and none while a cell runs. Callbacks that the cell has put on the loop run before the
        next command.
        """
        if self.running:
            return  # the end of the asynchronous cell takes the next command
        try:
            message = self.inbox.next_command()
            if message is not None:
                self._take(message)
                self.loop.call_soon(self._take_next)
        except BaseException:
            self._give_up()

    def _give_up(self):
        """Ends the process, because the supervisor waits for a reply that cannot be made or sent. The loop would only
        log the exception.
        """
        try:
            os.write(self.channel.pipes["stderr"], traceback.format_exc().encode("utf-8", "replace"))
        finally:
            os._exit(1)

    def _take(self, message):
        kind, content = message["msg_type"], message.get("content") or {}
        msg_id = message["parent_header"]["msg_id"]
        if kind == "adopt":
            linux.set_dumpable(True)
            oomscore.raise_own()
            shells.set_history_size(self.shell, content["history_size"])
            self._folder.enter(content["folder"], self.shell)
        elif kind == "leave":
            finalize.leave()
        elif kind == "execute_request":
            self._execute(msg_id, content)
        elif kind in wire.COMM_KINDS:
            self._comm_requests.handle(message)
        elif kind in answers.REQUESTS:
            self.channel.send(kind.replace("_request", "_reply"), answers.REQUESTS[kind](self.shell, content), msg_id)

    def _execute(self, msg_id, content):
        shell, code = self.shell, content["code"]
        silent, store = content["silent"], content["store_history"] and not content["silent"]
        self.prompts.allowed = self.installs.allowed = content["allow_stdin"]
        self._folder.enter(content["folder"], shell)
        self.begin(msg_id, "execute_request")
        self._count = shell.execution_count
        self.channel.send("execute_input", {"code": code, "execution_count": self._count}, msg_id)
        options = {"store_history": store, "silent": silent}
        try:
            self._put_streams_back()
            transformed, error, is_async = shell.prepare(code)
            if is_async:
                coroutine = shell.run_asynchronous_cell(
                    code, transformed_cell=transformed, preprocessing_exc_tuple=error, **options
                )
                task = self._context.run(self._create_task, coroutine)
                self.interrupts.task = task
                task.add_done_callback(lambda done: self._on_task_done(msg_id, done))
                return
            result, raised = self._context.run(shell.run_cell, code, **options), None
            self.interrupts.leave()
        except BaseException as error:
            if self.interrupts.task is not None:
                self.interrupts.task.cancel()  # the end of the task is the end of the cell
                return
            self.interrupts.leave()
            result, raised = None, error
            # Between the runner's code and the cell's code there is no frame of the user's to show.
            self._show(error)
        self._finish(msg_id, result, raised)

    def _put_streams_back(self):
        """Restores ``sys.stdout`` and ``sys.stderr`` if a cell has replaced them by something that cannot be written
        to. Otherwise no cell could repair them.
        """
        for name, stream in self._streams.items():
            there = getattr(sys, name, None)
            if there is stream:
                continue
            setattr(sys, name, stream)  # also while the cell's own object is asked, which may raise or be interrupted
            with self.interrupts.code():
                if can_be_written(there):
                    setattr(sys, name, there)

    def _create_task(self, coroutine):
        if sys.version_info >= (3, 11):
            return self.loop.create_task(coroutine, context=self._context)
        return self.loop.create_task(coroutine)

    def _on_task_done(self, msg_id, task):
        try:
            self.interrupts.leave()
            try:
                result, raised = task.result(), None
            except BaseException as error:
                cancelled = isinstance(error, (asyncio.CancelledError, KeyboardInterrupt))
                result, raised = None, error
                if cancelled:
                    raised = KeyboardInterrupt() if self.interrupts.pressed else asyncio.CancelledError()
                self._show(raised)
            self._finish(msg_id, result, raised)
            self.loop.call_soon(self._take_next)
        except BaseException:
            self._give_up()

    def _show(self, error):
        try:
            if isinstance(error, KeyboardInterrupt):
                self._context.run(self.shell.show_interrupt, error)
            else:
                self._context.run(self.shell.showtraceback, (type(error), error, error.__traceback__))
        except Exception:
            # The code that shows tracebacks can be broken by the user.
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            self.send(
                "error",
                {
                    "ename": type(error).__name__,
                    "evalue": self._text(error),
                    "traceback": bounds.traceback_lines(lines, bounds.TRACEBACK_CHARS),
                },
            )

    def _text(self, error):
        """Returns the text of the error that the cell showed, or else its present text.

        A class of the cell may take forever to return its text, so this can be interrupted, and the text is not
        requested again.
        """
        shown = self.shell.shown_error
        if shown is not None and shown[0] is error:
            return shown[1]
        if self.interrupts.pressed:
            return ""
        self.interrupts.resume()
        try:
            return bounds.text_of(error)
        except KeyboardInterrupt:
            return ""
        finally:
            self.interrupts.leave()

    def _finish(self, msg_id, result, raised):
        """Sends the reply when everything that the cell wrote was sent. ``raised`` is an exception that came out of
        IPython itself.
        """
        shell = self.shell
        linux.flush_c_streams()
        self._end_if_copy()
        error = raised
        if result is not None and not result.success:
            error = result.error_before_exec or result.error_in_exec
        payload = bounds.payloads(shell.payload_manager.read_payload(), self._streams["stderr"].write)
        reply = {"status": "ok", "execution_count": self._count, "payload": payload, "user_expressions": {}}
        shell.payload_manager.clear_payload()
        if error is not None:
            if isinstance(error, asyncio.CancelledError) and self.interrupts.pressed:
                error = KeyboardInterrupt()
            lines = bounds.traceback_lines(getattr(shell, "_last_traceback", None) or [], bounds.ERROR_CHARS)
            reply.update(status="error", ename=type(error).__name__, evalue=self._text(error), traceback=lines)
            if noroom.was_met(error):
                reply["no_room"] = True
            reply["missing"] = missing.path_of(error)
        elif shell.failed_display is not None:
            name, text = shell.failed_display
            reply.update(
                status="error",
                ename=name,
                evalue=text,
                traceback=bounds.traceback_lines(shell._last_traceback or [], bounds.ERROR_CHARS),
            )
        shown = error if error is not None else shell.shown_error and shell.shown_error[0]
        if self.network.was_wanted or (shown is not None and network.was_missed(shown)):
            reply["no_network"] = True
        shell.shown_error = None
        if self.exiting:
            reply["exiting"] = True
        try:
            self.channel.send("execute_reply", reply, msg_id)
        finally:
            self.end()


def _make_loop():
    """Makes a loop whose own descriptors have higher numbers than those that a cell closes or duplicates by accident."""
    held = [os.dup(0)]
    while held[-1] < _LAST_LOW_FD:
        held.append(os.dup(0))
    try:
        # poll keeps no object in the operating system that a forked copy would share with its parent.
        return asyncio.SelectorEventLoop(selectors.PollSelector())
    finally:
        for fd in held:
            os.close(fd)


def run(options, pair: int, stdout: int, stderr: int) -> None:
    """Runs a kernel. Never returns: an exception is printed to the cell's stderr and ends the process. The arguments
    are those of :class:`Kernel`.
    """
    try:
        Kernel(options, pair, stdout, stderr).serve()
    except BaseException:
        os.write(stderr, traceback.format_exc().encode("utf-8", "replace"))
    os._exit(1)

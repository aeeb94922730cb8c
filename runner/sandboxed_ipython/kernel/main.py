"""One kernel from its fork to its end: an event loop for life, on which cells run and between them their tasks."""

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

#: The channels start behind it too.
_LOW_FDS = 99


class Kernel:
    """Takes one message at a time from the supervisor and answers it."""

    def __init__(self, options, pair, stdout, stderr):
        self.channel = Channel(pair, stdout, stderr)
        self.running = ""
        #: Header of the cell that runs, or ran last: what threads show belongs to it. While a comm's message is handled, its.
        self.parent = {"msg_id": "", "msg_type": "execute_request"}
        self.exiting = False
        self._max_output = options.max_output
        self._pid = os.getpid()
        self._count = 0
        self._context = contextvars.copy_context()
        self._comm_requests = CommRequests(self, self._context)
        self._streams = {"stdout": CellStream(self, "stdout", 1), "stderr": CellStream(self, "stderr", 2)}
        sys.stdout, sys.stderr = self._streams.values()
        # objects of their own, as under ipykernel
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

    def send(self, msg_type, content, metadata=None, buffers=None):
        """A message of the cell that the calling code belongs to; nothing where it belongs to none, as while the kernel warms up."""
        parent = current_cell.get() or self.parent["msg_id"]
        if parent == NO_CELL and msg_type in wire.COMM_KINDS:  # the other end's state depends on it
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

    def serve(self):
        """Until the supervisor is gone."""
        os.register_at_fork(after_in_child=self._end_copy_soon)
        self.channel.send("ready", {"pid": os.getpid()}, "")
        self.loop.add_reader(self.channel.fileno(), self._on_readable)
        self._warm_up = WarmUp(self.loop, self.shell)
        while True:
            try:
                self.loop.run_forever()
            except KeyboardInterrupt:
                continue  # it hit a task between cells; the loop goes on
            except SystemExit:
                traceback.print_exc()

    @property
    def is_copy(self):
        """In a fork that ran on to the end of a cell or of a task's step: it is no kernel, the one that forked it answers."""
        return os.getpid() != self._pid

    def _end_copy_soon(self):
        """In a forked child. One that comes back to the loop must read nothing there: its channels are its parent's, and so is the
        pipe by which other threads wake the loop. So this is the first thing that the loop does then."""
        with contextlib.suppress(RuntimeError):  # a closed loop; one in debug mode, in a child of another thread
            self.loop.call_soon(self._end_if_copy)

    def _end_if_copy(self):
        if self.is_copy:
            os._exit(0)

    def begin(self, msg_id, msg_type):
        """A cell, or a comm's message, is about to be handled; a SIGINT may come as soon as the supervisor is told."""
        self._warm_up.cancel()
        self.running = msg_id
        self.parent = {"msg_id": msg_id, "msg_type": msg_type}
        self.exiting = False
        self.network.begin()
        self.interrupts.begin()
        if self.inbox.begin(msg_id):
            self.interrupts.press()
            self.channel.send("interrupt_taken", {}, msg_id)  # or a SIGINT would say it once more
        self._context.run(current_cell.set, msg_id)

    def end(self):
        """It is over: its reply is on its way."""
        self.prompts.allowed = self.installs.allowed = False
        self.running = ""
        self.inbox.wake()

    # ------------------------------------------------------------------------------------------------

    def _on_readable(self):
        self._end_if_copy()  # a child that was forked past Python
        try:
            self.inbox.read()
        except EOFError:
            os._exit(0)
        except BaseException:
            self._give_up()
        self._take_next()

    def _take_next(self):
        """One command at a time, and none while a cell runs: what that has put on the loop has its turn before the next."""
        if self.running:
            return  # the end of the asynchronous cell takes it
        try:
            message = self.inbox.next_command()
            if message is not None:
                self._take(message)
                self.loop.call_soon(self._take_next)
        except BaseException:
            self._give_up()

    def _give_up(self):
        """The supervisor waits for a reply that cannot be made or sent; the end of the process is one, and the loop would
        only log the exception."""
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
                self.interrupts.task.cancel()  # its end is the cell's
                return
            self.interrupts.leave()
            result, raised = None, error
            # Between our code and the cell's there is no frame of the user's to show.
            self._show(error)
        self._finish(msg_id, result, raised)

    def _put_streams_back(self):
        """A cell may have put anything in the place of a stream; with one that cannot be written no cell could put it right."""
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
            # What shows tracebacks is the user's to break.
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
        """What the cell showed of it, or what it says now: a class of the cell's may take for ever to say that, so it is
        interruptible, and not asked again."""
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
        """The reply, once everything that the cell wrote is on its way. ``raised`` is what came out of IPython itself."""
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
    """A loop whose own descriptors are above those that a cell closes or duplicates by accident."""
    held = [os.dup(0)]
    while held[-1] < _LOW_FDS:
        held.append(os.dup(0))
    try:
        # poll keeps no object in the operating system that a forked copy would share with its parent.
        return asyncio.SelectorEventLoop(selectors.PollSelector())
    finally:
        for fd in held:
            os.close(fd)


def run(options, pair, stdout, stderr):
    """Never returns: what goes wrong here is printed to the cell's stderr and ends the process."""
    try:
        Kernel(options, pair, stdout, stderr).serve()
    except BaseException:
        os.write(stderr, traceback.format_exc().encode("utf-8", "replace"))
    os._exit(1)

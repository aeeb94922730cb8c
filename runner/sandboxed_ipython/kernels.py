"""The record of one kernel of the sandbox: its process, its waiting cells, the running cell, and how each of them ends."""

import logging
import os

from . import cgroup, comms, cputime, packets, proctable, wire
from .childinstalls import ChildInstalls
from .elsewhere import is_elsewhere
from .interrupts import InterruptSender
from .outputs import CHANNELS, Outputs
from .pieces import Pieces
from .questions import ANSWERS, Questions
from .replies import MAX_COUNT, aborted_reply, cause_of_death, checked_reply, error_reply
from .resets import Resets
from .timelimit import TimeLimit
from .waiting import Waiting
from .watch import Watch

log = logging.getLogger(__name__)


class KernelRecord:
    """Takes cells and logs events. Every cell that ends, ends here, exactly once.

    Args:
        name: the kernel's name in commands and events.
        supervisor: the :class:`Supervisor`.
    """

    def __init__(self, name, supervisor):
        self.name = name
        self.gen = 0
        self.state = "starting"
        self.execution_count = 0
        self.history_size = supervisor.options.history_size
        self._folder = ""  # the folder of the last cell, in which a fresh kernel starts
        self._supervisor = supervisor
        self.waiting = Waiting()
        self._running = None
        self._last_id = ""  # text that threads print between cells belongs to the cell that ran last
        self._outputs = Outputs(supervisor, self)
        self._comms = comms.KernelComms(supervisor.event_log, self._outputs.event, self._outputs.notice)
        self._process = None
        self._pieces = Pieces(self._outputs)
        self._resets = Resets(
            lambda reply, msg_id: supervisor.accepted.finished(
                self._outputs.log_event("control", "reset_reply", reply, msg_id)
            )
        )
        self._holds = 0  # number of reasons for which a ready process is not used yet
        self._reactor = reactor = supervisor.reactor.owned(self._on_fault)
        self._questions = Questions(self._outputs.envelope, reactor)
        self._child_installs = ChildInstalls(reactor, self._show_install, self._finish_install)
        self._watch = Watch(reactor, supervisor.options, self._outputs.notice, lambda: proctable.is_ending(self.pid))
        self._interrupts = InterruptSender(reactor, lambda cell: self._process if self._running is cell else None)
        self._time_limit = TimeLimit(
            reactor,
            self._interrupts.interrupt,
            lambda cell: self._kill_for("timeout"),
            lambda: cputime.seconds_of_session(self.pid),
        )

    # ----------------------------------------------------------------------------------------------- requests of hosts

    @property
    def running_id(self) -> str:
        """The ``msg_id`` of the running cell, or ""."""
        return self._running.msg_id if self._running else ""

    @property
    def pid(self) -> int:
        """The pid of the kernel's process, or 0."""
        return self._process.pid if self._process else 0

    @property
    def open_requests(self) -> list[str]:
        """Ids of the open requests of the running cell, the latest last."""
        return list(self._running.prompts) if self._running else []

    def open_cells(self) -> list[dict]:
        """Returns the cells that have no reply yet, for a hello."""
        return self.waiting.open_cells(self._running)

    def knows(self, process) -> bool:
        """Returns whether ``process`` is this kernel's process."""
        return process is self._process

    def enqueue(self, cell) -> None:
        """Lets a :class:`Cell` wait for its turn, or ends it if its run has ended."""
        reason = self.waiting.end_reason_of(cell.run_id)
        if reason is not None:  # the run ended before the cell arrived
            self._abort(cell, reason)
            return
        self.waiting.add(cell)
        self._dispatch()

    def interrupt(self, msg_id: str, run: bool = True) -> str:
        """Handles one press for the cell ``msg_id``. Returns what it did, as ``interrupt_reply.step``.

        Args:
            msg_id: the cell.
            run: False to end only this cell if it is queued, and not the rest of its run.
        """
        cell = self._running
        if cell is not None and cell.msg_id == msg_id:
            return self._press(cell)
        queued = self.waiting.take(msg_id)
        if queued is None:
            return "stale"
        self._abort(queued, "interrupt")
        if run:
            self._abort_run(queued, "interrupt")
        if (
            run
            and cell is not None
            and (cell.is_comm or cell.from_folder)
            and not (queued.is_comm or queued.from_folder)
        ):
            # no window shows the running cell, so nobody can interrupt it itself, and it keeps this cell waiting
            self._press(cell)
        return "aborted"

    def _press(self, cell):
        cell.presses += 1
        self._child_installs.end("the cell was interrupted.")
        self._abort_run(cell, "interrupt")
        if cell.presses >= 3:
            self._kill_for("interrupt")
            return "kill"
        self._interrupts.interrupt(cell)
        return "interrupt" if cell.presses == 1 else "interrupt-again"

    def answer_prompt(self, kind: str, content: dict) -> None:
        """Passes an answer on to the install of a process, or to the prompt that the running cell waits for."""
        if self._running is None or self._child_installs.take_answer(kind, content):
            return
        if self._running.takes_answer(kind, content["request"]):
            self._process.send({"msg_type": kind, "content": content})

    def ask_install(self, msg_id: str, content: dict) -> None:
        """Takes an install request of a process of the running cell. The process gets the answer as a file in the
        results.
        """
        self._child_installs.add(msg_id, content, self._running)

    def _show_install(self, request, content, cell):
        self._outputs.show("install_request", dict(content, request=request), cell.msg_id)

    def _finish_install(self, msg_id, content):
        self._supervisor.answer_process(self._outputs.envelope("stdin", "install_reply", content, msg_id))

    def ask(self, command: dict, host) -> None:
        """Asks the idle kernel for completion or inspection. While it is not idle, ``host`` gets ``busy`` at once."""
        is_idle = self._running is None and self._process is not None and self._process.ready
        self._questions.ask(command, host, self._process if is_idle else None)

    def hold(self) -> None:
        """Keeps cells from running and resets from ending, until :meth:`release` has been called as often."""
        self._holds += 1

    def release(self) -> None:
        """Undoes one :meth:`hold`."""
        self._holds -= 1
        if not self._holds and self._process is not None and self._process.ready:
            self._on_ready()

    def reset(self, msg_id: str, history_size: "float | None", keep_files: bool = True) -> None:
        """Starts a fresh kernel. The reply to the reset_request ``msg_id`` is logged when the kernel is ready.

        An idle kernel may first finalize, so that its files are written, unless files are not kept.

        Args:
            msg_id: the reset_request.
            history_size: the new history size, or None to keep it.
            keep_files: False if the folders are cleared.
        """
        is_idle = self._running is None
        self._resets.begin(msg_id)
        if history_size is not None:
            self.history_size = int(history_size)
        if not keep_files:
            self._folder = ""
        # one hold until the cells are aborted, and one until the end of this method, because the old process is still
        # ready
        self.hold()
        self.hold()
        self._abort_all(self.waiting.take_all(), "reset", self.release)
        self.waiting.forget_runs()
        if self._running is not None:
            self._running.killed_for = "reset"
        self._replace("reset", gently=is_idle and keep_files)
        self.release()

    def shut_down(self, failure: "dict | None") -> None:
        """Ends all cells, because the sandbox ends.

        Args:
            failure: why the sandbox ends, for the reply of the first open cell; None if a host has asked for it.
        """
        reason = "died" if failure else "shutdown"
        cells = [self._running] if self._running else []
        cells.extend(cell for cell, _ in self.waiting.leaving)
        self.waiting.leaving.clear()
        cells.extend(self.waiting.take_all())
        self._running = None
        for cell in cells:
            if failure and not cell.is_comm:
                self._finish(cell, error_reply(self.execution_count or None, failure))
                failure = None
            else:
                self._abort(cell, reason)
        if self._process:
            self._process.kill()

    # ------------------------------------------------------------------------------------------------ the process

    def adopt(self, process) -> None:
        """Takes over a process that was forked for this kernel or ahead of time. It may not be ready yet."""
        self._process = process
        process.resume()
        self.gen += 1
        self.execution_count = 0
        process.send(
            {
                "msg_type": "adopt",
                "content": {"gen": self.gen, "history_size": self.history_size, "folder": self._folder},
            }
        )
        if process.ready:
            self._on_ready()

    def on_message(self, message) -> None:
        """Handles a message or a :class:`packets.Piece` of the kernel's process."""
        if isinstance(message, packets.Piece):
            message = self._pieces.take(message)
            if message is None:
                return
        kind, parent, content = message["msg_type"], message["parent_header"]["msg_id"], message.get("content")
        if not isinstance(content, dict):
            return
        if kind == "ready":
            self._on_ready()
        elif kind in ("execute_reply", "comm_done"):
            self._on_reply(kind, parent, content)
        elif kind == "too_long":
            self._on_too_long(parent, content.get("of"))
        elif kind == "comm_begun":
            self._on_cell_started(parent)
        elif kind == "interrupt_taken":
            self._record_claim(kind, parent, content)
        elif kind == "request_over" and self._running is not None:  # whether it was answered or not
            self._running.takes_answer(kind, content.get("request"))
        elif kind in wire.COMM_KINDS:
            self._outputs.flush()  # an Output widget captures the output between two comm messages
            self._comms.on_kernel_message(kind, parent, content, message)
        elif kind in ANSWERS:
            self._questions.on_answer(kind, parent, content)
        elif kind in CHANNELS:
            self._record_claim(kind, parent, content)
            self._outputs.show(kind, content, parent, message.get("metadata"), message.get("buffers"))

    def on_text(self, name: str, text: str) -> None:
        """Handles text of the kernel's process from ``stdout`` or ``stderr``."""
        parent = self._running.msg_id if self._running else self._last_id
        self._outputs.show_text(name, text, parent)

    def on_death(self, status: int) -> None:
        """Handles the death of the process: ends the running cell with the cause, and gets another process. ``status``
        is that of ``waitpid``.
        """
        process = self._process
        process.drain()
        self._report_stdin_read()
        process.close()
        self._requeue_unstarted_cell()
        cell = self._running
        failure = cause_of_death(
            status, self._watch.kernel_died(), cell, cgroup.memory_limit(self._supervisor.options.memory_limit)
        )
        if cell is not None:
            self._end(cell, error_reply(self.execution_count or None, failure))
            self._abort_run(cell, "died")
        self._replace("died", failure)

    def _on_fault(self):
        """Kills the kernel's process, because something that concerns this kernel could not be handled. The sandbox
        goes on.
        """
        if self._process is not None:
            self._process.kill()

    def _requeue_unstarted_cell(self):
        """Puts a cell back that reached a dying kernel and had not begun. It runs in the next kernel, as if it had come
        a moment later. This happens to a cell at most once.
        """
        cell = self._running
        if cell is not None and not cell.is_comm and cell.is_untouched:
            cell.spared = True
            self._running = None
            self._time_limit.end()
            self.waiting.put_back(cell)

    def _replace(self, reason, failure=None, gently=False):
        """Ends the rest of the old process and takes a fresh one. With ``gently``, the fresh one follows when the old
        one has finalized.
        """
        self._outputs.flush()
        old, self._process = self._process, None
        if self._running is not None:
            cell, self._running = self._running, None
            self._child_installs.end()
            self._time_limit.end()
            self._watch.end()
            self._finish(cell, aborted_reply(self.execution_count or None, reason))
        self._questions.clear()
        if old is not None:
            gently = gently and old.ready and not old.closed
            if not old.closed and not gently:
                old.kill()
                old.close()
            params = {"reason": reason}
            if failure:
                params["cause"] = failure["code"]
            self._set_state("restarting", {"code": "Restarted", "params": params})
        if old is not None and gently:
            self._supervisor.processes.retire(self, old)
        else:
            self._supervisor.processes.replace(self)

    def _on_ready(self):
        if self._process is None or self._holds:
            return
        self._set_state("idle")
        self._resets.end("ok")
        self._dispatch()

    def cannot_start(self, reason: str) -> None:
        """Ends all waiting cells and resets, because no process can be started at present."""
        failure = {"code": "KernelDied", "params": {"signal": "", "exitcode": -1, "reason": reason}}
        self._set_state("dead", failure)
        self._end_all(self.waiting.take_all(), error_reply(None, failure))
        self._resets.end("error")

    # ------------------------------------------------------------------------------------------------ cells

    def _dispatch(self):
        if (
            self._running is not None
            or self._holds
            or not self.waiting
            or self._process is None
            or not self._process.ready
        ):
            return
        self._report_stdin_read()  # processes that earlier cells left running may have read it
        cell = self._running = self.waiting.next()
        if cell.is_comm:
            self.state = self._comms.begin(cell, self._outputs.budgets)
        else:
            self._last_id = cell.msg_id
            self._folder = cell.content["folder"] or self._folder
            self._outputs.budgets.open(cell.msg_id)
            self._supervisor.event_log.new_segment()
            self._set_state("busy", metadata=cell.short_metadata)
        self._process.send(cell.message())
        self._time_limit.begin(cell)
        self._watch.begin(cell)
        self._supervisor.processes.begin(self._process)

    def _on_too_long(self, parent, of):
        """Handles a message that somebody waits for and that exceeds its limit."""
        if of == "execute_reply":
            self._on_reply(
                of,
                parent,
                {},
                {
                    "code": "ProtocolViolation",
                    "params": {"reason": "the kernel's reply is too long", "limit": wire.MAX_REPLY_BYTES},
                },
            )
        elif of in ANSWERS:
            self._questions.on_answer(of, parent, {"status": "error"})

    def _on_reply(self, kind, parent, content, failure=None):
        cell = self._running
        if cell is None or cell.msg_id != parent or cell.is_comm is not (kind == "comm_done"):
            log.warning("the kernel has sent a reply for a cell that does not run")
            return
        reply = checked_reply(content)
        if cell.interrupted_at is not None:
            failure = {"code": "TimedOut", "params": {"timeout": cell.content["timeout"], "killed": False}}
        if failure is not None:
            reply.update(status="error", failure=failure, ename=reply["ename"] or failure["code"])
        self._watch.end(reply["evalue"], reply.pop("no_room"))
        if reply.pop("no_network") and not cell.is_comm:
            self._outputs.notice("NoNetwork", {}, parent)
        self._report_stdin_read()
        self._report_missing_path(cell, reply.pop("missing"))
        leaving = reply.pop("exiting")
        self._end(cell, reply)
        if reply["status"] == "error" and cell.content.get("stop_on_error"):
            self._abort_run(cell, "interrupt" if cell.presses else "error")
        if leaving:
            self._replace("exit", gently=True)
        else:
            self._dispatch()

    def _end(self, cell, reply):
        if self._process is not None:
            self._process.end_text()
        self._running = None
        self._child_installs.end()
        self._time_limit.end()
        self._finish(cell, reply)
        if self._process is None or self._process.closed:
            return
        if cell.is_comm:
            self.state = "idle"
        else:
            self._set_state("idle", parent=cell.msg_id)

    def _finish(self, cell, reply):
        self._outputs.flush()
        if cell.is_comm:
            self._comms.end(cell, reply.get("failure"))
            return
        self._outputs.report_dropped(cell.msg_id)
        event = self._outputs.log_event("shell", "execute_reply", reply, cell.msg_id)
        self._supervisor.accepted.finished(event)
        self._supervisor.queue.result(cell.number, cell.msg_id, wire.dumps(event))

    def _report_stdin_read(self):
        """Logs a notice if anybody has read the empty standard input, for the cell that runs or ran last."""
        parent = self.running_id or self._last_id
        if self._process is not None and self._process.stdin.was_read() and parent:
            self._outputs.notice("StdinRead", {}, parent)

    def _report_missing_path(self, cell, path):
        """Logs a notice if ``cell`` failed because it did not find ``path``, and the path may be a file of the user
        outside the project.
        """
        project = cell.content.get("project")
        if project and is_elsewhere(path, os.path.join(self._supervisor.options.home, project)):
            self._outputs.notice("NotInProject", {"path": path, "project": project}, cell.msg_id)

    def _abort(self, cell, reason):
        self._finish(cell, aborted_reply(None, reason))

    def _abort_run(self, cell, reason):
        """Ends the waiting cells of the same run, also if no window is attached to do so."""
        self._abort_all(self.waiting.end_run(cell.run_id, reason), reason)

    def _abort_all(self, cells, reason, then=None):
        self._end_all(cells, aborted_reply(None, reason), then)

    def _end_all(self, cells, reply, then=None):
        """Ends cells that were waiting, over several turns if they are many, and then calls ``then()``."""
        self.waiting.leaving.extend((cell, reply) for cell in cells)
        self._reactor.gradually(self._finish_leaving(len(cells), then))

    def _finish_leaving(self, count, then):
        for _ in range(count):
            if self.waiting.leaving:
                self._finish(*self.waiting.leaving.popleft())
            yield
        if then is not None:
            then()

    def _kill_for(self, reason):
        self._running.killed_for = reason
        self._supervisor.processes.kill(self._process)

    # ------------------------------------------------------------------------------------------------ events

    def _on_cell_started(self, parent):
        """Notes that the kernel has started the running cell. From now on a SIGINT hits nothing else."""
        cell = self._running
        if cell is not None and cell.msg_id == parent and not cell.started:
            cell.started = True
            self._interrupts.on_cell_started(cell)

    def _record_claim(self, kind, parent, content):
        """Takes from the kernel's events what the supervisor itself has to know. The events are claims of a cell."""
        cell = self._running
        if cell is None or cell.msg_id != parent:
            return
        if (
            kind == "execute_input"
            and type(content.get("execution_count")) is int
            and 0 <= content["execution_count"] <= MAX_COUNT
        ):
            self.execution_count = content["execution_count"]
            self._on_cell_started(parent)
        elif kind == "interrupt_taken":
            cell.knows_interrupt = True
        elif kind in ("input_request", "install_request") and wire.is_id(content.get("request")):
            cell.opens(content["request"])

    def _set_state(self, state, failure=None, parent=None, metadata=None):
        self.state = state
        content = {"execution_state": state}
        if failure:
            content["failure"] = failure
        self._outputs.log_event("iopub", "status", content, self.running_id if parent is None else parent, metadata)

"""One kernel of the sandbox as a record: its process, its queue of cells, the cell that runs, and how things end."""

import logging
import os

from . import cgroup, comms, cputime, packets, proctable, wire
from .childinstalls import ChildInstalls
from .elsewhere import is_elsewhere
from .interrupts import Interrupts
from .outputs import CHANNELS, Outputs
from .pieces import Pieces
from .questions import ANSWERS, Questions
from .replies import MAX_COUNT, aborted_reply, cause_of_death, checked_reply, error_reply
from .resets import Resets
from .timelimit import TimeLimit
from .waiting import Waiting
from .watch import Watch

log = logging.getLogger(__name__)


class Kernel:
    """Cells in, events out. Everything that ends a cell ends here, once."""

    def __init__(self, name, supervisor):
        self.name = name
        self.gen = 0
        self.state = "starting"
        self.execution_count = 0
        self.history_size = supervisor.options.history_size
        self._folder = ""  # of the cell before: a fresh kernel begins there
        self._supervisor = supervisor
        self.waiting = Waiting()
        self._running = None
        self._last_id = ""  # text of threads between cells belongs to the cell that ran last
        self._outputs = Outputs(supervisor, self)
        self._comms = comms.KernelComms(supervisor.log, self._outputs.event, self._outputs.notice)
        self._process = None
        self._pieces = Pieces(self._outputs)
        self._resets = Resets(
            lambda reply, msg_id: supervisor.accepted.finished(
                self._outputs.log("control", "reset_reply", reply, msg_id)
            )
        )
        self._holds = 0  # reasons for which a process that is ready is not used yet
        self._reactor = reactor = supervisor.reactor.owned(self._on_fault)
        self._questions = Questions(self._outputs.envelope, reactor)
        self._child_installs = ChildInstalls(reactor, self._show_install, self._finish_install)
        self._watch = Watch(reactor, supervisor.options, self._outputs.notice, lambda: proctable.is_ending(self.pid))
        self._interrupts = Interrupts(reactor, lambda cell: self._process if self._running is cell else None)
        self._time_limit = TimeLimit(
            reactor,
            self._interrupts.interrupt,
            lambda cell: self._kill_for("timeout"),
            lambda: cputime.seconds_of_session(self.pid),
        )

    # ----------------------------------------------------------------------------------------------- what hosts ask

    @property
    def running_id(self):
        return self._running.msg_id if self._running else ""

    @property
    def pid(self):
        return self._process.pid if self._process else 0

    @property
    def open_requests(self):
        """Ids of the requests that the running cell waits for answers to, the latest last."""
        return list(self._running.prompts) if self._running else []

    def open_cells(self):
        """What has no reply yet, for a hello."""
        return self.waiting.open_cells(self._running)

    def knows(self, process):
        return process is self._process

    def enqueue(self, cell):
        reason = self.waiting.why_ended(cell.run_id)
        if reason is not None:  # its run ended while it was on its way
            self._abort(cell, reason)
            return
        self.waiting.add(cell)
        self._dispatch()

    def interrupt(self, msg_id, run=True):
        """One press for the cell ``msg_id``; what it did, as ``interrupt_reply.step``. ``run`` False: one that is queued goes alone."""
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
            self._press(cell)  # no cell that one could press for: it is what keeps this one waiting
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

    def answer_prompt(self, kind, content):
        """Passes on what belongs to the prompt or the install that the cell waits for."""
        if self._running is None or self._child_installs.answered(kind, content):
            return
        if self._running.takes_answer(kind, content["request"]):
            self._process.send({"msg_type": kind, "content": content})

    def ask_install(self, msg_id, content):
        """A process of the running cell asks for an install, and finds the answer among the results."""
        self._child_installs.add(msg_id, content, self._running)

    def _show_install(self, request, content, cell):
        self._outputs.show("install_request", dict(content, request=request), cell.msg_id)

    def _finish_install(self, msg_id, content):
        self._supervisor.answer_process(self._outputs.envelope("stdin", "install_reply", content, msg_id))

    def ask(self, command, host):
        """Completion or inspection: by the idle kernel, else ``busy`` at once."""
        is_idle = self._running is None and self._process is not None and self._process.ready
        self._questions.ask(command, host, self._process if is_idle else None)

    def hold(self):
        """No cell runs, and no reset is over, until :meth:`release` has been called as often."""
        self._holds += 1

    def release(self):
        self._holds -= 1
        if not self._holds and self._process is not None and self._process.ready:
            self._on_ready()

    def reset(self, msg_id, history_size, keep_files=True):
        """A fresh kernel; the reply to ``msg_id`` goes out when it is ready. ``history_size`` None: as before.

        An idle one may write its files first, where they are kept.
        """
        is_idle = self._running is None
        self._resets.begin(msg_id)
        if history_size is not None:
            self.history_size = int(history_size)
        if not keep_files:
            self._folder = ""
        self.hold()  # for the cells that are aborted, and here: the old process is ready too
        self.hold()
        self._abort_all(self.waiting.take_all(), "reset", self.release)
        self.waiting.forget_runs()
        if self._running is not None:
            self._running.killed_for = "reset"
        self._replace("reset", gently=is_idle and keep_files)
        self.release()

    def shut_down(self, failure):
        """The sandbox ends. ``failure``: why, for the cell that runs, or waits for a kernel; None: whoever runs it knows."""
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

    # ------------------------------------------------------------------------------------------------ its process

    def adopt(self, process):
        """Takes over a process that was forked for us or ahead; it may still be on its way to ``ready``."""
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

    def on_message(self, message):
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
            self._begun(parent)
        elif kind == "interrupt_taken":
            self._note(kind, parent, content)
        elif kind == "request_over" and self._running is not None:  # answered or not
            self._running.takes_answer(kind, content.get("request"))
        elif kind in wire.COMM_KINDS:
            self._outputs.flush()  # an Output widget takes what comes between two of them
            self._comms.heard(kind, parent, content, message)
        elif kind in ANSWERS:
            self._questions.answered(kind, parent, content)
        elif kind in CHANNELS:
            self._note(kind, parent, content)
            self._outputs.show(kind, content, parent, message.get("metadata"), message.get("buffers"))

    def on_text(self, name, text):
        parent = self._running.msg_id if self._running else self._last_id
        self._outputs.show_text(name, text, parent)

    def on_death(self, status):
        """The process is gone: says why at the cell that ran, and gets another."""
        process = self._process
        process.drain()
        self._tell_stdin()
        process.close()
        self._spare_unbegun()
        cell = self._running
        failure = cause_of_death(
            status, self._watch.kernel_died(), cell, cgroup.memory_limit(self._supervisor.options.memory_limit)
        )
        if cell is not None:
            self._end(cell, error_reply(self.execution_count or None, failure))
            self._abort_run(cell, "died")
        self._replace("died", failure)

    def _on_fault(self):
        """Something that concerns this kernel could not be handled: it goes, and the sandbox stays."""
        if self._process is not None:
            self._process.kill()

    def _spare_unbegun(self):
        """A cell that reached a dying kernel and had not begun runs in the next one, as if it had come a moment later; once."""
        cell = self._running
        if cell is not None and not cell.is_comm and cell.is_untouched:
            cell.spared = True
            self._running = None
            self._time_limit.end()
            self.waiting.put_back(cell)

    def _replace(self, reason, failure=None, gently=False):
        """Ends what is left of the old process and takes a fresh one. ``gently``: once the old one has finalized."""
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

    def cannot_start(self, reason):
        """No fresh process can be had for now: nothing waits for it."""
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
        self._tell_stdin()  # what the cell before has left running
        cell = self._running = self.waiting.next()
        if cell.is_comm:
            self.state = self._comms.begin(cell, self._outputs.budgets)
        else:
            self._last_id = cell.msg_id
            self._folder = cell.content["folder"] or self._folder
            self._outputs.budgets.open(cell.msg_id)
            self._supervisor.log.new_segment()
            self._set_state("busy", metadata=cell.short_metadata)
        self._process.send(cell.message())
        self._time_limit.begin(cell)
        self._watch.begin(cell)
        self._supervisor.processes.begin(self._process)

    def _on_too_long(self, parent, of):
        """What somebody waits for is over its limit."""
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
            self._questions.answered(of, parent, {"status": "error"})

    def _on_reply(self, kind, parent, content, failure=None):
        cell = self._running
        if cell is None or cell.msg_id != parent or cell.is_comm is not (kind == "comm_done"):
            log.warning("a reply of the kernel to nothing that runs")
            return
        reply = checked_reply(content)
        if cell.interrupted_at is not None:
            failure = {"code": "TimedOut", "params": {"timeout": cell.content["timeout"], "killed": False}}
        if failure is not None:
            reply.update(status="error", failure=failure, ename=reply["ename"] or failure["code"])
        self._watch.end(reply["evalue"], reply.pop("no_room"))
        if reply.pop("no_network") and not cell.is_comm:
            self._outputs.notice("NoNetwork", {}, parent)
        self._tell_stdin()
        self._tell_elsewhere(cell, reply.pop("missing"))
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
        self._outputs.tell_dropped(cell.msg_id)
        event = self._outputs.log("shell", "execute_reply", reply, cell.msg_id)
        self._supervisor.accepted.finished(event)
        self._supervisor.queue.result(cell.number, cell.msg_id, wire.dumps(event))

    def _tell_stdin(self):
        """Whoever reads standard input finds its end: at the cell that runs, or ran last, it is said that somebody did."""
        parent = self.running_id or self._last_id
        if self._process is not None and self._process.stdin.was_read() and parent:
            self._outputs.notice("StdinRead", {}, parent)

    def _tell_elsewhere(self, cell, path):
        """``cell`` has ended as it did not find ``path``, where of the user's files there is only the project."""
        project = cell.content.get("project")
        if project and is_elsewhere(path, os.path.join(self._supervisor.options.home, project)):
            self._outputs.notice("NotInProject", {"path": path, "project": project}, cell.msg_id)

    def _abort(self, cell, reason):
        self._finish(cell, aborted_reply(None, reason))

    def _abort_run(self, cell, reason):
        """The queued cells of the same run do not run any more, also when no window is there to say so."""
        self._abort_all(self.waiting.end_run(cell.run_id, reason), reason)

    def _abort_all(self, cells, reason, then=None):
        self._end_all(cells, aborted_reply(None, reason), then)

    def _end_all(self, cells, reply, then=None):
        """Ends cells that wait no more, many of them over several turns, and then calls ``then()``."""
        self.waiting.leaving.extend((cell, reply) for cell in cells)
        self._reactor.gradually(self._leave(len(cells), then))

    def _leave(self, count, then):
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

    def _begun(self, parent):
        """The kernel has begun what runs: from now on a SIGINT hits nothing else."""
        cell = self._running
        if cell is not None and cell.msg_id == parent and not cell.started:
            cell.started = True
            self._interrupts.begun(cell)

    def _note(self, kind, parent, content):
        """What the supervisor itself has to know of an event that the kernel claims."""
        cell = self._running
        if cell is None or cell.msg_id != parent:
            return
        if (
            kind == "execute_input"
            and type(content.get("execution_count")) is int
            and 0 <= content["execution_count"] <= MAX_COUNT
        ):
            self.execution_count = content["execution_count"]
            self._begun(parent)
        elif kind == "interrupt_taken":
            cell.knows_interrupt = True
        elif kind in ("input_request", "install_request") and wire.is_id(content.get("request")):
            cell.opens(content["request"])

    def _set_state(self, state, failure=None, parent=None, metadata=None):
        self.state = state
        content = {"execution_state": state}
        if failure:
            content["failure"] = failure
        self._outputs.log("iopub", "status", content, self.running_id if parent is None else parent, metadata)

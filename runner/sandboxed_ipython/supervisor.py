"""Process 1 of a sandbox: one thread and one selector. It forks kernels, numbers and bounds their events, and serves
hosts.

It imports IPython once, so that a fork of it becomes a kernel, and never imports a library of the user.
"""

import gc
import logging
import os
import secrets
import signal
import sys
import time

from . import PROTOCOL_VERSION, __version__, clearing, comms, deadman, linux, options, precedence, syscallfilter, wire
from .accepted import AcceptedCommands
from .commandqueue import CommandQueue
from .eventlog import Cursor, EventLog
from .hosts import Hosts
from .kernels import KernelRecord
from .lease import Lease
from .processes import Processes
from .reactor import Reactor

log = logging.getLogger(__name__)

#: Seconds between two attempts to make room in a full queue.
_MAKE_ROOM_INTERVAL_SECONDS = 1.0
#: Seconds that a dropped command may run if the cells of hosts have no time limit.
_MAX_DROPPED_SECONDS = 3600
#: Exit status of a sandbox that was stopped from outside: that of a process that SIGTERM ends.
_EXIT_STOPPED = 128 + signal.SIGTERM
_SIGNALS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Builds the parts and routes commands. Each decision about a cell is made by :class:`KernelRecord`.

    Args:
        opts: the :class:`Options`.
        zygote: the :class:`Zygote`.
    """

    def __init__(self, opts, zygote):
        self.options = opts
        self.boot = secrets.token_hex(16)
        self.reactor = Reactor(deadman.Deadman())
        self._zygote = zygote
        self._signals = linux.SignalFd(_SIGNALS)
        self.reactor.watch(self._signals.fd, on_read=self._on_signal)
        self.accepted = AcceptedCommands()
        self._cells = 0
        self._status = 0
        #: Why the sandbox ends, if no host has asked for it.
        self._ended_by = None
        self._room_made = -_MAKE_ROOM_INTERVAL_SECONDS
        self._time_limit = 0  # seconds, from a host's last cell; 0: no limit
        self.hosts = ()
        self.event_log = EventLog(os.path.join(opts.queue, "events"), opts.log_budget, self._note, self._make_room)
        self.kernels = {"main": KernelRecord("main", self)}
        self.processes = Processes(self.reactor, opts, zygote.run_kernel, self.kernels.values())
        self.queue = CommandQueue(opts.queue, self.reactor, self._on_file, opts.poll_interval, not opts.no_inotify)
        self._lease = Lease(
            self.reactor,
            opts.lease,
            opts.idle,
            lambda: any(kernel.running_id for kernel in self.kernels.values()),
            self._end,
        )
        self.hosts = Hosts(
            self.reactor,
            self.event_log,
            self.envelope,
            self._on_line,
            lambda: self._lease.hosts(len(self.hosts)),
            opts.socket,
        )
        self.reactor.at_turn_end = self.hosts.pump
        self._lease.hosts(0)
        for kernel in self.kernels.values():
            self.processes.replace(kernel)

    def run(self) -> int:
        """Serves until the sandbox has to end. Returns the exit status."""
        try:
            while self.reactor.running:
                self.reactor.turn()
        except Exception:
            log.exception("the supervisor cannot go on")
            self._ended_by = {"code": "SandboxGone", "params": {"reason": "stuck"}}
            self._end(deadman.EXIT_STUCK)
        for kernel in self.kernels.values():
            self.reactor.guarded(lambda kernel=kernel: kernel.shut_down(self._ended_by))
        self.hosts.pump(to_the_end=True)
        self.hosts.close()
        return self._status

    def _end(self, status=0):
        self._status = status
        self.reactor.running = False

    def envelope(
        self,
        channel: str,
        kind: str,
        content: dict,
        parent: str = "",
        seq: int = 0,
        kernel=None,
        unlogged: bool = False,
    ) -> dict:
        """Makes an event without a number.

        Args:
            channel: the event's Jupyter channel.
            kind: its ``msg_type``.
            content: its content.
            parent: the ``msg_id`` that it belongs to.
            seq: the number of an event that is not logged.
            kernel: its :class:`KernelRecord`; the main one by default.
            unlogged: True for an event that is not logged though its type usually is.
        """
        kernel = kernel or self.kernels["main"]
        event = {
            "kernel": kernel.name,
            "gen": kernel.gen,
            "t": round(time.monotonic(), 6),
            "channel": channel,
            "msg_type": kind,
            "parent_header": {"msg_id": parent},
            "content": content,
            "metadata": {},
            "buffers": [],
        }
        return dict(event, seq=seq) if unlogged or kind in _UNLOGGED else event

    def _note(self, kind, content, seq):
        return wire.dumps(self.envelope("control", kind, content, seq=seq)) + b"\n"

    # ------------------------------------------------------------------------------------------------ commands

    def _on_line(self, host, line):
        try:
            command = wire.parse_command(line)
            if command["header"]["msg_type"] == "chunk":
                line = host.chunks.add(command["content"], command["header"]["msg_id"])
                if line is None:
                    return
                command = wire.parse_command(line)
        except wire.BadCommand as error:
            host.refuse(error.msg_id, error.reason)
            return
        kind, msg_id, content = command["header"]["msg_type"], command["header"]["msg_id"], command["content"]
        kernel = self.kernels.get(command["kernel"])
        if kernel is None:
            host.refuse(msg_id, "no such kernel")
        elif kind == "follow_request":
            self._on_follow(host, msg_id, content)
        elif kind == "ping":
            host.answer(self.envelope("control", "pong", {}, msg_id))
        elif kind in ("complete_request", "inspect_request", "signature_request"):
            kernel.ask(command, host)
        elif not host.writer:
            host.refuse(msg_id, "another host is the writer")
        elif kind == "install_request":
            host.refuse(msg_id, "only a process of the sandbox may request an install")
        elif kind in wire.QUEUED and not self.accepted.knows(msg_id) and not self._takes(kernel, kind, len(line)):
            host.refuse(msg_id, "too many commands wait for the kernel, or this command is too long")
        elif not self._accept(command, kernel):
            self._resend_outcome(host, msg_id)
        else:
            self._lease.active()
            if kind == "execute_request":
                self._time_limit = content["timeout"]
            if kind in wire.QUEUED:
                # The command goes through the queue like any other. If a cell has filled the queue, it runs all the
                # same.
                if not self.queue.put(line):
                    self._make_room()
                    if not self.queue.put(line):
                        self._enqueue(command, kernel, len(line))
                        return
                self.queue.look()  # so "accepted" and "busy" reach the hosts in one write
            else:
                self._obey_at_once(command, kernel)

    @staticmethod
    def _takes(kernel, kind, size):
        """Returns whether a command of ``size`` bytes may wait for the kernel."""
        return kernel.waiting.takes(size) and (kind not in wire.COMM_KINDS or size <= wire.MAX_COMM_BYTES)

    def _on_follow(self, host, msg_id, content):
        self.hosts.follow(host, content)
        same = content["boot"] == self.boot
        kernels = {
            name: {
                "gen": kernel.gen,
                "execution_state": kernel.state,
                "msg_id": kernel.running_id,
                "execution_count": kernel.execution_count,
                "request": (kernel.open_requests or [""])[-1],
                "requests": kernel.open_requests,
                "cells": kernel.open_cells(),
            }
            for name, kernel in self.kernels.items()
        }
        hello = {
            "boot": self.boot,
            "protocol": PROTOCOL_VERSION,
            "runner": __version__,
            "python": "%d.%d.%d" % sys.version_info[:3],
            "ipython": self._zygote.ipython_version,
            "first": self.event_log.first,
            "last": self.event_log.last,
            "writer": host.writer,
            "kernels": kernels,
        }
        host.answer(self.envelope("control", "hello", hello, msg_id))
        host.cursor = Cursor(min(int(content["after"]), self.event_log.last) if same else 0)

    def _on_file(self, name, data, is_ours):
        """Handles a command file: the command of a host, which was accepted before, or a command that a process of the
        sandbox dropped.

        ``data`` is None if the file is too long.
        """
        stem = name[:-5]
        try:
            default_id = stem if wire.MESSAGE_ID.match(stem) else secrets.token_hex(8)
            if data is None:
                raise wire.BadCommand("longer than %d bytes" % wire.MAX_DROPPED_BYTES, default_id)
            command = wire.parse_command(data, default_id)
            kind = command["header"]["msg_type"]
            kernel = self.kernels.get(command["kernel"])
            if kernel is None or kind not in _DROPPABLE:
                raise wire.BadCommand(
                    "no such kernel" if kernel is None else "%s does not go through the queue" % kind,
                    command["header"]["msg_id"],
                )
            if not is_ours and not self._takes(kernel, kind, len(data)):
                raise wire.BadCommand("too many commands wait for the kernel", command["header"]["msg_id"])
        except wire.BadCommand as error:
            log.warning("a file of the queue is no command: %s", error.reason)
            if error.msg_id:
                failure = {"code": "ProtocolViolation", "params": {"reason": error.reason}}
                self.queue.result(
                    self._next_number(),
                    error.msg_id,
                    wire.dumps(self.envelope("control", "refused", failure, error.msg_id)),
                )
            return
        if kind == "install_request":
            kernel.ask_install(command["header"]["msg_id"], command["content"])
            return
        if not is_ours:
            if not self._accept(command, kernel):
                return
            self._limit_time(command)
        if kind in wire.QUEUED:
            self._enqueue(command, kernel, len(data), from_folder=not is_ours)
        else:
            self._obey_at_once(command, kernel)

    def _limit_time(self, command):
        """Gives a dropped command at most the time limit of a host's cells, or a long one if they have none, because
        nobody sees it run.
        """
        timeout = command["content"].get("timeout")
        if timeout is not None:
            limit = self._time_limit or _MAX_DROPPED_SECONDS
            command["content"]["timeout"] = min(timeout or limit, limit)

    def _accept(self, command, kernel):
        """Logs ``accepted`` before anything runs. Returns False if the command was accepted before, so that it is not
        obeyed twice.
        """
        msg_id, kind = command["header"]["msg_id"], command["header"]["msg_type"]
        if not self.accepted.add(msg_id, kind):
            return False
        event = self.envelope("control", "accepted", {"msg_type": kind}, msg_id, kernel=kernel)
        metadata = command["metadata"]
        event["metadata"] = wire.short_metadata(metadata)
        (self.event_log.append_comm if kind in wire.COMM_KINDS else self.event_log.append)(event)
        return True

    def _resend_outcome(self, host, msg_id):
        """Sends ``accepted`` and the reply to the sender of a known command once more. Both may be gone from the log."""
        host.answer(
            self.envelope("control", "accepted", {"msg_type": self.accepted.kind_of(msg_id)}, msg_id, unlogged=True)
        )
        reply = self.accepted.reply_to(msg_id)
        if reply is not None:
            host.answer(reply)

    def _enqueue(self, command, kernel, size, from_folder=False):
        kernel.enqueue(comms.make(command, self._next_number(), size, from_folder))

    def _obey_at_once(self, command, kernel):
        kind, msg_id, content = command["header"]["msg_type"], command["header"]["msg_id"], command["content"]
        # this also ends a cell that was sent before it and whose file has not been picked up yet
        self.queue.take_waiting()
        if kind in ("input_reply", "install_output", "install_reply"):
            kernel.answer_prompt(kind, content)
        elif kind == "interrupt_request":
            step = kernel.interrupt(content["msg_id"], content["run"])
            reply = self.envelope("control", "interrupt_reply", {"status": "ok", "step": step}, msg_id, kernel=kernel)
            self.event_log.append(reply)
            self.accepted.finished(reply)
        elif kind == "reset_request":
            clears = content["files"] == "clear"
            if clears:
                kernel.hold()
            kernel.reset(msg_id, content["history_size"], keep_files=not clears)
            # the folders are cleared when no process of the cells runs any more, and before anything else runs
            if clears:
                in_container = os.getpid() == 1
                self.processes.helpers.start(lambda: clearing.clear(self.options, in_container), kernel.release)
        elif kind == "shutdown_request":
            self.event_log.append(self.envelope("control", "shutdown_reply", {"status": "ok"}, msg_id, kernel=kernel))
            self._end()

    def answer_process(self, event: dict) -> None:
        """Writes an answer for a process of the sandbox that waits for a file in the results. If a cell has filled the
        queue, room is made first.
        """
        msg_id, data = event["parent_header"]["msg_id"], wire.dumps(event)
        if not self.queue.result(0, msg_id, data):
            self._make_room()
            self.queue.result(0, msg_id, data)

    def _next_number(self):
        self._cells += 1
        return self._cells

    def _on_signal(self):
        for number, is_from_outside in self._signals.read():
            # In a container only the engine may stop the supervisor, and no cell.
            if number == signal.SIGTERM and (is_from_outside or os.getpid() != 1):
                self._ended_by = {"code": "SandboxGone", "params": {"reason": "stopped"}}
                self._end(_EXIT_STOPPED)
        self.processes.reap()

    # ------------------------------------------------------------------------------------------------ disk space

    def _make_room(self):
        """Removes foreign files, because the queue's file system is full."""
        now = time.monotonic()
        if now < self._room_made + _MAKE_ROOM_INTERVAL_SECONDS:
            return
        self._room_made = now
        segments = os.path.join(self.options.queue, "events")
        self.queue.remove_foreign_files(os.path.join(segments, name) for name in self.event_log.file_names())


#: Types of commands that a file in the queue may hold.
_DROPPABLE = wire.QUEUED | {"interrupt_request", "reset_request", "install_request"}
_UNLOGGED = frozenset(
    ("hello", "pong", "gap", "comm_gap", "refused", "complete_reply", "inspect_reply", "signature_reply")
)


def _log_to_stderr():
    """Makes a logger of the runner's own, because the root logger belongs to the cells of the kernels that are forked
    from this process.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger(__package__)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def main(argv: list[str]) -> int:
    """Serves until the sandbox has to end. Returns the exit status of the container."""
    opts = options.parse(argv)
    _log_to_stderr()
    os.umask(0o022)
    linux.set_dumpable(False)
    linux.adopt_orphans()
    precedence.take()
    if syscallfilter.is_available():
        syscallfilter.install(os.getpid(), os.getpgrp())
    else:
        # This happens on an emulated machine. The filter keeps a cell from ending its own sandbox; it protects nothing
        # outside the sandbox.
        log.warning("this system filters no system calls: a cell can hamper or end the supervisor of its own sandbox")
    gc.disable()  # the imports leave no garbage, and looking for it takes a tenth of their time
    from . import zygote  # IPython's import takes a tenth of a second or more, so the options are checked first

    gc.freeze()  # no collection in a kernel touches the objects that it shares with the supervisor
    gc.enable()
    return Supervisor(opts, zygote.Zygote(opts)).run()

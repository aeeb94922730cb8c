"""Pid 1 of a sandbox: one thread, one selector. Forks kernels, numbers and bounds what they say, serves hosts.

It imports IPython once, so that a kernel is a fork away, and never a library of the user's.
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
from .kernels import Kernel
from .lease import Lease
from .processes import Processes
from .reactor import Reactor

log = logging.getLogger(__name__)

#: Seconds between two clearings of a full queue.
_ROOM_PAUSE = 1.0
#: Seconds that a dropped command may run where a host's cells may run for ever.
_MAX_DROPPED_SECONDS = 3600
#: Exit status of a sandbox that was stopped from outside, as of any process that SIGTERM ends.
_STOPPED = 128 + signal.SIGTERM
_SIGNALS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Wires the parts; each decision about a cell is :class:`Kernel`'s."""

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
        #: Why everything ends, where no host has asked for it.
        self._ended_by = None
        self._room_made = -_ROOM_PAUSE
        self._time_limit = 0  # seconds, of a host's last cell; 0: none
        self.hosts = ()
        self.log = EventLog(os.path.join(opts.queue, "events"), opts.log_budget, self._note, self._make_room)
        self.kernels = {"main": Kernel("main", self)}
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
            self.log,
            self.envelope,
            self._on_line,
            lambda: self._lease.hosts(len(self.hosts)),
            opts.socket,
        )
        self.reactor.at_turn_end = self.hosts.pump
        self._lease.hosts(0)
        for kernel in self.kernels.values():
            self.processes.replace(kernel)

    def run(self):
        """Serves until told to end; the exit status."""
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

    def envelope(self, channel, kind, content, parent="", seq=0, kernel=None, unlogged=False):
        """An event without a place in the log yet; one that never gets one has its ``seq`` already."""
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
        elif kind in ("complete_request", "inspect_request"):
            kernel.ask(command, host)
        elif not host.writer:
            host.refuse(msg_id, "another host is the writer")
        elif kind == "install_request":
            host.refuse(msg_id, "only a process of the sandbox asks for that")
        elif kind in wire.QUEUED and not self.accepted.knows(msg_id) and not self._takes(kernel, kind, len(line)):
            host.refuse(msg_id, "too much waits for the kernel, or this is too long")
        elif not self._accept(command, kernel):
            self._say_again(host, msg_id)
        else:
            self._lease.active()
            if kind == "execute_request":
                self._time_limit = content["timeout"]
            if kind in wire.QUEUED:
                # Through the queue like any other command; if a cell has filled that, it runs all the same.
                if not self.queue.put(line):
                    self._make_room()
                    if not self.queue.put(line):
                        self._enqueue(command, kernel, len(line))
                        return
                self.queue.look()  # so that "accepted" and "busy" are one write to the hosts
            else:
                self._obey(command, kernel)

    @staticmethod
    def _takes(kernel, kind, size):
        """Whether a command of ``size`` bytes may wait for the kernel."""
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
            "first": self.log.first,
            "last": self.log.last,
            "writer": host.writer,
            "kernels": kernels,
        }
        host.answer(self.envelope("control", "hello", hello, msg_id))
        host.cursor = Cursor(min(int(content["after"]), self.log.last) if same else 0)

    def _on_file(self, name, data, is_ours):
        """A command from the folder: a host's, accepted before, or one that something else dropped. ``data`` None: one that is too long."""
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
                raise wire.BadCommand("too much waits for the kernel", command["header"]["msg_id"])
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
            self._obey(command, kernel)

    def _limit_time(self, command):
        """A dropped command has at most the time that a host gives its cells. Where they have no limit, it has one all the same: nobody sees it run."""
        timeout = command["content"].get("timeout")
        if timeout is not None:
            limit = self._time_limit or _MAX_DROPPED_SECONDS
            command["content"]["timeout"] = min(timeout or limit, limit)

    def _accept(self, command, kernel):
        """Logs ``accepted`` before anything runs. False: accepted before, it is not obeyed twice."""
        msg_id, kind = command["header"]["msg_id"], command["header"]["msg_type"]
        if not self.accepted.add(msg_id, kind):
            return False
        event = self.envelope("control", "accepted", {"msg_type": kind}, msg_id, kernel=kernel)
        metadata = command["metadata"]
        event["metadata"] = wire.short_metadata(metadata)
        (self.log.append_comm if kind in wire.COMM_KINDS else self.log.append)(event)
        return True

    def _say_again(self, host, msg_id):
        """To the sender of a known id: that it is known, and how it ended; both may be gone from the log."""
        host.answer(
            self.envelope("control", "accepted", {"msg_type": self.accepted.kind_of(msg_id)}, msg_id, unlogged=True)
        )
        reply = self.accepted.reply_to(msg_id)
        if reply is not None:
            host.answer(reply)

    def _enqueue(self, command, kernel, size, from_folder=False):
        kernel.enqueue(comms.make(command, self._next_number(), size, from_folder))

    def _obey(self, command, kernel):
        kind, msg_id, content = command["header"]["msg_type"], command["header"]["msg_id"], command["content"]
        self.queue.take_waiting()  # a cell that was sent before this is ended by it, though its file has not been seen yet
        if kind in ("input_reply", "install_output", "install_reply"):
            kernel.answer_prompt(kind, content)
        elif kind == "interrupt_request":
            step = kernel.interrupt(content["msg_id"], content["run"])
            reply = self.envelope("control", "interrupt_reply", {"status": "ok", "step": step}, msg_id, kernel=kernel)
            self.log.append(reply)
            self.accepted.finished(reply)
        elif kind == "reset_request":
            clears = content["files"] == "clear"
            if clears:
                kernel.hold()
            kernel.reset(msg_id, content["history_size"], keep_files=not clears)
            if clears:  # once nothing of the cells runs any more, and before anything else does
                in_container = os.getpid() == 1
                self.processes.helpers.start(lambda: clearing.clear(self.options, in_container), kernel.release)
        elif kind == "shutdown_request":
            self.log.append(self.envelope("control", "shutdown_reply", {"status": "ok"}, msg_id, kernel=kernel))
            self._end()

    def answer_process(self, event):
        """Answers a process of the sandbox that waits for a file among the results: where a cell has filled the queue, room is made."""
        msg_id, data = event["parent_header"]["msg_id"], wire.dumps(event)
        if not self.queue.result(0, msg_id, data):
            self._make_room()
            self.queue.result(0, msg_id, data)

    def _next_number(self):
        self._cells += 1
        return self._cells

    def _on_signal(self):
        for number, is_from_outside in self._signals.read():
            # In a container only the engine may stop us, and no cell.
            if number == signal.SIGTERM and (is_from_outside or os.getpid() != 1):
                self._ended_by = {"code": "SandboxGone", "params": {"reason": "stopped"}}
                self._end(_STOPPED)
        self.processes.reap()

    # ------------------------------------------------------------------------------------------------ room

    def _make_room(self):
        """The queue's file system is full of what is not ours."""
        now = time.monotonic()
        if now < self._room_made + _ROOM_PAUSE:
            return
        self._room_made = now
        segments = os.path.join(self.options.queue, "events")
        self.queue.remove_foreign_files(os.path.join(segments, name) for name in self.log.file_names())


#: What a file of the queue may say.
_DROPPABLE = wire.QUEUED | {"interrupt_request", "reset_request", "install_request"}
_UNLOGGED = frozenset(("hello", "pong", "gap", "comm_gap", "refused", "complete_reply", "inspect_reply"))


def _log_to_stderr():
    """By a logger of our own: the root logger belongs to the cells of the kernels that are forked from here."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger(__package__)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def main(argv):
    """Runs until told to stop; the exit status of the container."""
    opts = options.parse(argv)
    _log_to_stderr()
    os.umask(0o022)
    linux.set_dumpable(False)
    linux.adopt_orphans()
    precedence.take()
    if syscallfilter.is_available():
        syscallfilter.install(os.getpid(), os.getpgrp())
    else:
        # As on an emulated machine. What is missing then keeps a cell from ending its own sandbox, and from nothing outside it.
        log.warning("this system filters no system calls: a cell can hamper or end the supervisor of its own sandbox")
    gc.disable()  # nothing of what is imported is garbage, and to look for it takes a tenth of the import
    from . import zygote  # IPython's import takes a tenth of a second and more; options are checked before

    gc.freeze()  # what kernels share with us stays shared: no collection of theirs looks at it
    gc.enable()
    return Supervisor(opts, zygote.Zygote(opts)).run()

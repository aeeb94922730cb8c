"""The processes of a sandbox's kernels: forked, kept ready ahead as a spare, replaced, and what their end means."""

import logging
import os
import signal
import sys

from . import cleanup, conditions, discarding, ipcobjects
from .guard import Guard
from .helpers import Helpers
from .process import KernelProcess
from .standin import StandIn

log = logging.getLogger(__name__)

#: Seconds after which a spare is forked once a kernel is there.
_SPARE_DELAY = 0.4
_MAX_FAILED_STARTS = 5
#: Seconds that a process is ready without a cell before its end says nothing about the start of the next one.
_PROOF_SECONDS = 10.0
#: Seconds for the exit handlers of a kernel that is told to leave.
_LEAVE_SECONDS = 1.0
#: The spare cannot be one: it is no larger than the supervisor, and while a cell could trace it, it cannot offer itself.
_STAND_INS = 2


class Processes:
    """``run_kernel`` is the life of a forked process; ``kernels`` are the records that may own one."""

    def __init__(self, reactor, options, run_kernel, kernels):
        self._reactor = reactor
        self._options = options
        self._run_kernel = run_kernel
        self._kernels = kernels
        self._processes = {}  # pid → KernelProcess
        self._retiring = {}  # pid of a process that finalizes → the kernel whose it was
        self._spare = None
        self._spare_timer = None
        self._failed_starts = 0
        self._stand_ins = [StandIn(reactor) for _ in range(_STAND_INS)]
        self.helpers = Helpers()
        self.guard = Guard(
            reactor,
            lambda: self.helpers.pids.union(self._processes),
            lambda: any(kernel.running_id for kernel in kernels),
        )
        self._ended = []  # (pid, status) of processes of ours that were reaped and not looked at yet

    def replace(self, kernel):
        """Gives ``kernel`` the spare if there is one, else a fresh fork; ends what its old process left running."""
        spare, self._spare = self._spare, None
        is_kept = self._kill_leftovers(kernel, spare)
        if spare and (not is_kept or spare.has_ended()):
            spare = None  # _take_exits is about to be told
        elif spare and not conditions.are_ours(spare.pid):
            log.warning("a cell has changed the limits of the spare: another process takes its place")
            spare.kill()
            spare = None
        discarding.discard_kept()
        if os.getpid() == 1:
            self._reactor.gradually(ipcobjects.removal())
        for stand_in in self._stand_ins:
            stand_in.renew()
        process = spare or self._fork()
        if process is None:
            self._failed_starts += 1
            delay = min(5.0, 0.05 * 2**self._failed_starts)
            if self._failed_starts > _MAX_FAILED_STARTS:
                kernel.cannot_start("no process can be started")
            self._reactor.after(delay, lambda: self.replace(kernel) if not kernel.pid else None)
            return
        kernel.adopt(process)
        self._want_spare()

    def begin(self, process):
        """Something of the user's runs in ``process`` from now on."""
        self._prove(process)
        self.guard.begin()

    def _prove(self, process):
        """It starts as it should: when it ends, that is no reason to wait before the next one."""
        if process.pid in self._processes:
            process.proven = True
            self._failed_starts = 0

    def kill(self, process):
        """Ends the ``process`` of a kernel whose cell is over. Where its processes are many, all at once: while they are busy, it would
        take the process minutes to die, and they are ended after it anyway."""
        process.kill()
        if cleanup.kill_all_if_many():
            self._spare = None  # it was killed too

    def retire(self, kernel, process):
        """Lets the idle ``process`` of ``kernel`` write its files and run its exit handlers, and replaces it when that is done.

        Not before: what it writes late must not meet what the next kernel's cells write, and while a process of its cells is
        there, the next kernel must not be traceable. What it says is dropped.
        """
        self._retiring[process.pid] = kernel
        process.send({"msg_type": "leave", "parent_header": {"msg_id": ""}})
        self._reactor.after(_LEAVE_SECONDS, lambda: process.kill() if process.pid in self._retiring else None)

    def reap(self):
        """Takes the exits of all children. Those of kernels are looked at at the end of this turn, whoever has called."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._processes:
                self._ended.append((pid, status))
                self._reactor.after(0, self._take_exits)
            elif not self.helpers.on_exit(pid, status):
                for stand_in in self._stand_ins:
                    stand_in.on_exit(pid)  # else an orphan of a cell's

    def _take_exits(self):
        while self._ended:
            self._on_exit(*self._ended.pop(0))

    def _on_end(self, process):
        """Nothing of a process runs any more. Its parent learns that only when whoever traces it lets go."""
        self.reap()
        if process.pid not in self._processes or any(pid == process.pid for pid, _ in self._ended):
            return
        kernel = self._kernel_of(process)
        if kernel is not None:
            self._kill_leftovers(kernel, self._spare)
            self.reap()
        if not any(pid == process.pid for pid, _ in self._ended):
            log.warning("a process has ended that another one still traces")
            self._ended.append((process.pid, signal.SIGKILL))
        self._take_exits()

    def _kill_leftovers(self, kernel, spare):
        keep = {one.pid for one in self._kernels if one is not kernel and one.pid}
        keep.update([spare.pid] if spare else [])
        keep.update(self.helpers.pids)
        return cleanup.kill_leftovers(keep, self.reap)

    def _on_exit(self, pid, status):
        """A process of ours has ended with ``waitpid``'s status."""
        process = self._processes.pop(pid, None)
        if process is None:
            return  # it was given up before
        retired_from = self._retiring.pop(pid, None)
        if retired_from is not None:
            process.close()
            if not retired_from.pid:  # else another reset did not wait for it
                self.replace(retired_from)
            return
        kernel = self._kernel_of(process)
        if kernel is None:
            if process is self._spare:
                self._spare = None
                log.warning("the spare ended with status %d", status)
                self._failed_starts += 1
                if self._failed_starts <= _MAX_FAILED_STARTS:
                    self._reactor.after(2**self._failed_starts, self._make_spare)
            process.close()
        elif not process.proven:
            process.drain()
            self._failed_starts += 1
            delay = 0.02 * 2**self._failed_starts
            if process.late or self._failed_starts > _MAX_FAILED_STARTS:
                late = "the kernel does not start within %g s" % self._options.start_deadline
                kernel.cannot_start(late if process.late else "the kernel ends as soon as it starts")
                delay = 5.0
            self._reactor.after(min(delay, 5.0), lambda: kernel.on_death(status) if kernel.knows(process) else None)
        else:
            kernel.on_death(status)

    def _want_spare(self):
        if self._spare_timer:
            self._spare_timer.cancel()
        self._spare_timer = self._reactor.after(_SPARE_DELAY, self._make_spare)

    def _make_spare(self):
        if self._spare is not None:
            return
        if not all(kernel.state in ("idle", "busy") for kernel in self._kernels):
            self._want_spare()
            return
        self._spare = self._fork()

    def _fork(self):
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            process = KernelProcess(
                self._reactor, self._run_kernel, self._on_kernel_message, self._on_kernel_text, self._on_end
            )
        except OSError as error:
            log.warning("no kernel could be forked: %s", error.strerror)
            return None
        self._processes[process.pid] = process
        self._await_ready(process, self._options.start_deadline)
        return process

    def _await_ready(self, process, seconds):
        """Ends a process that is not ready within ``seconds`` in which somebody was awake, a second each look."""
        if process.ready or process.pid not in self._processes:
            return
        if seconds > 0:
            self._reactor.after(min(1.0, seconds), lambda: self._await_ready(process, seconds - 1.0))
            return
        log.warning("a kernel was not ready within %g s", self._options.start_deadline)
        process.late = True
        process.kill()

    def _on_kernel_message(self, process, message):
        if isinstance(message, dict) and message["msg_type"] == "ready":
            process.ready = True
            self._reactor.after(_PROOF_SECONDS, lambda: self._prove(process))
        kernel = self._kernel_of(process)
        if kernel:
            kernel.on_message(message)

    def _on_kernel_text(self, process, name, text):
        kernel = self._kernel_of(process)
        if kernel:
            kernel.on_text(name, text)

    def _kernel_of(self, process):
        return next((kernel for kernel in self._kernels if kernel.knows(process)), None)

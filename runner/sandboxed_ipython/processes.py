"""The processes of a sandbox's kernels: forking, the spare, replacement, and what the end of a process means."""

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

#: Seconds from the adoption of a process to the fork of the next spare.
_SPARE_DELAY_SECONDS = 0.4
_MAX_FAILED_STARTS = 5
#: Seconds after which a ready process counts as proven even without a cell. The end of a proven process says nothing
#: about the start of the next one.
_PROOF_SECONDS = 10.0
#: Seconds that the exit handlers of a retiring kernel may take.
_LEAVE_SECONDS = 1.0
#: Number of stand-ins. The spare cannot be a stand-in: it is no larger than the supervisor, and while a cell could
#: trace it, it cannot raise its own score.
_STAND_INS = 2


class Processes:
    """All kernel processes of the sandbox.

    Args:
        reactor: the supervisor's reactor.
        options: the :class:`Options`.
        run_kernel: the life of a forked process (:meth:`Zygote.run_kernel`).
        kernels: the :class:`KernelRecord` objects that may own a process.
    """

    def __init__(self, reactor, options, run_kernel, kernels):
        self._reactor = reactor
        self._options = options
        self._run_kernel = run_kernel
        self._kernels = kernels
        self._processes = {}  # pid → KernelProcess
        self._retiring = {}  # pid of a retiring process → the kernel that it belonged to
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
        self._ended = []  # (pid, status) of kernel processes that were reaped but not handled yet

    def replace(self, kernel) -> None:
        """Gives ``kernel`` the spare if there is one, else a fresh fork. Kills what its old process left running."""
        spare, self._spare = self._spare, None
        is_kept = self._kill_leftovers(kernel, spare)
        if spare and (not is_kept or spare.has_ended()):
            spare = None  # _take_exits will handle its exit
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

    def begin(self, process) -> None:
        """Must be called when something of the user runs in ``process`` from now on."""
        self._prove(process)
        self.guard.begin()

    def _prove(self, process):
        """Notes that the process has started as it should. Its end is then no reason to wait before the next one is
        started.
        """
        if process.pid in self._processes:
            process.proven = True
            self._failed_starts = 0

    def kill(self, process) -> None:
        """Kills the ``process`` of a kernel whose cell has to end.

        If the sandbox has many processes, all are killed at once: while they are busy, the kernel would take minutes to
        die, and they would be killed after it anyway.
        """
        process.kill()
        if cleanup.kill_all_if_many():
            self._spare = None  # the spare was killed too

    def retire(self, kernel, process) -> None:
        """Lets the idle ``process`` of ``kernel`` write its files and run its exit handlers, and then replaces it.

        The next process is not adopted before that: late writes of the old one must not meet what the next kernel's
        cells write, and the next kernel must not become traceable while a process of the old one's cells is there.
        Messages of the retiring process are dropped.
        """
        self._retiring[process.pid] = kernel
        process.send({"msg_type": "leave", "parent_header": {"msg_id": ""}})
        self._reactor.after(_LEAVE_SECONDS, lambda: process.kill() if process.pid in self._retiring else None)

    def reap(self) -> None:
        """Reaps all children that have exited. Exits of kernels are handled at the end of this turn."""
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
                    stand_in.on_exit(pid)  # otherwise it was an orphan of a cell

    def _take_exits(self):
        while self._ended:
            self._on_exit(*self._ended.pop(0))

    def _on_end(self, process):
        """Handles a process of which no thread runs any more. While another process traces it, its parent does not get
        its exit.
        """
        self.reap()
        if process.pid not in self._processes or any(pid == process.pid for pid, _ in self._ended):
            return
        kernel = self._kernel_of(process)
        if kernel is not None:
            self._kill_leftovers(kernel, self._spare)
            self.reap()
        if not any(pid == process.pid for pid, _ in self._ended):
            log.warning("a process has ended that another process still traces")
            self._ended.append((process.pid, signal.SIGKILL))
        self._take_exits()

    def _kill_leftovers(self, kernel, spare):
        keep = {one.pid for one in self._kernels if one is not kernel and one.pid}
        keep.update([spare.pid] if spare else [])
        keep.update(self.helpers.pids)
        return cleanup.kill_leftovers(keep, self.reap)

    def _on_exit(self, pid, status):
        """Handles the exit of a kernel process, with the status of ``waitpid``."""
        process = self._processes.pop(pid, None)
        if process is None:
            return  # its end was handled before
        retired_from = self._retiring.pop(pid, None)
        if retired_from is not None:
            process.close()
            if not retired_from.pid:  # otherwise another reset did not wait for it
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
        self._spare_timer = self._reactor.after(_SPARE_DELAY_SECONDS, self._make_spare)

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
        """Kills a process that is not ready within ``seconds`` during which the sandbox was awake. The time is counted
        in steps of at most a second.
        """
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

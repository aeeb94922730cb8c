"""The processes of a sandbox's kernels: forked, kept ready ahead as a spare, replaced, and what their end means."""

import logging
import sys

from . import cleanup
from .process import KernelProcess
from .standin import StandIn

log = logging.getLogger(__name__)

#: Seconds after which a spare is forked once a kernel is there.
_SPARE_DELAY = 0.4
_MAX_FAILED_STARTS = 5


class Processes:
    """``run_kernel`` is the life of a forked process; ``kernels`` are the records that may own one."""

    def __init__(self, reactor, options, run_kernel, kernels):
        self._reactor = reactor
        self._options = options
        self._run_kernel = run_kernel
        self._kernels = kernels
        self._processes = {}  # pid → KernelProcess
        self._spare = None
        self._spare_timer = None
        self._failed_starts = 0
        self._stand_in = StandIn(reactor)

    def replace(self, kernel):
        """Gives ``kernel`` the spare if there is one, else a fresh fork; ends what its old process left running."""
        spare, self._spare = self._spare, None
        if spare and spare.has_ended():
            spare = None  # which on_exit is about to be told
        keep = {one.pid for one in self._kernels if one is not kernel and one.pid}
        keep.update([spare.pid] if spare else [])
        cleanup.kill_leftovers(keep)
        self._stand_in.renew()
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

    def on_exit(self, pid, status):
        """A child of ours has ended with ``waitpid``'s status."""
        process = self._processes.pop(pid, None)
        if process is None:
            self._stand_in.on_exit(pid)
            return  # else an orphan of a cell's
        kernel = self._kernel_of(process)
        if kernel is None:
            if process is self._spare:
                self._spare = None
                log.warning("the spare ended with status %d", status)
                self._failed_starts += 1
                if self._failed_starts <= _MAX_FAILED_STARTS:
                    self._reactor.after(2**self._failed_starts, self._make_spare)
            process.close()
        elif not process.ready:
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
            process = KernelProcess(self._reactor, self._run_kernel, self._on_kernel_message, self._on_kernel_text)
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
            self._failed_starts = 0
        kernel = self._kernel_of(process)
        if kernel:
            kernel.on_message(message)

    def _on_kernel_text(self, process, name, text):
        kernel = self._kernel_of(process)
        if kernel:
            kernel.on_text(name, text)

    def _kernel_of(self, process):
        return next((kernel for kernel in self._kernels if kernel.knows(process)), None)

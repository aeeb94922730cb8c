"""A process for the memory limit to end before the supervisor.

While a kernel over the limit is dying it cannot be chosen again, and its memory is not free yet. Whoever needs some in these milliseconds has
the next one ended: without a spare that was the supervisor itself, as it forked one, and the whole sandbox with it (seen on Linux 6.18).
"""

import logging
import os
import signal
import sys

from . import deadman

log = logging.getLogger(__name__)

#: Seconds from a kernel to its stand-in: nobody waits for it, and it comes before the spare, whose fork is the dangerous moment.
_SOON = 0.2
#: Seconds until there is another; what ended the one before may last.
_PAUSE = 5.0
#: A program of its own, not only a fork: that would hold all memory that the supervisor has let go of since. Ends with the supervisor.
_PROGRAM = """
import posix
try:
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file: file.write("1000")
except OSError: pass
posix.read(0, 1)
"""
#: Signals that the supervisor handles, ignores or blocks.
_DEFAULTS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)


class StandIn:
    """Idle, and small: a kernel is always chosen before it. No cell can hide in one, as a kernel's end is the end of its stand-in."""

    def __init__(self, reactor):
        self._reactor = reactor
        self._pipe = os.pipe()
        self._pid = 0
        self._timer = None

    def renew(self):
        """A kernel begins, and all that was there before it has been killed."""
        self._pid = 0
        self._start_in(_SOON)

    def on_exit(self, pid):
        """A child of ours has ended, maybe this one."""
        if pid == self._pid:
            self._pid = 0
            self._start_in(_PAUSE)

    def _start_in(self, seconds):
        if self._timer:
            self._timer.cancel()
        self._timer = self._reactor.after(seconds, self._start)

    def _start(self):
        # Not posix_spawn, which does not return before the child has begun its program: a cell can stop the child before that.
        try:
            self._pid = os.fork()
        except OSError as error:
            log.warning("no stand-in could be started: %s", error.strerror)
            self._start_in(_PAUSE)
            return
        if self._pid == 0:
            _become_program(self._pipe[0])


def _become_program(stdin):
    """In the forked child. Never returns."""
    try:
        deadman.disarm()
        os.setpgid(0, 0)
        for number in _DEFAULTS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for fd, target in ((stdin, 0), (null, 1), (null, 2)):
            os.dup2(fd, target)
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", _PROGRAM])
    finally:
        os._exit(70)

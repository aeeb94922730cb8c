"""A process that the memory limit kills before the supervisor.

While a kernel that exceeds the limit is dying it cannot be chosen again, and its memory is not free yet. If another
process needs memory in these milliseconds, Linux kills the next candidate. Without a spare that was the supervisor
itself, while it forked one, and with it the whole sandbox (seen on Linux 6.18).
"""

import logging
import os
import signal
import sys

from . import deadman

log = logging.getLogger(__name__)

#: Seconds from a kernel to its stand-in. Nobody waits for it, and it comes before the spare, whose fork is the
#: dangerous moment.
_DELAY_SECONDS = 0.2
#: Seconds from the end of a stand-in to the next one. The cause of its end may last for a while.
_RESTART_SECONDS = 5.0
#: The stand-in runs this program, because a mere fork would keep all memory that the supervisor has freed since. It
#: ends with the supervisor.
_PROGRAM = """
import posix
try:
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file: file.write("1000")
except OSError: pass
posix.read(0, 1)
"""
#: Signals that the supervisor handles, ignores or blocks. The stand-in resets them.
_RESET_SIGNALS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)


class StandIn:
    """An idle, small process: a kernel is always chosen before it. No cell can hide in one, because a stand-in is
    killed together with its kernel.
    """

    def __init__(self, reactor):
        self._reactor = reactor
        self._pipe = os.pipe()
        self._pid = 0
        self._timer = None

    def renew(self) -> None:
        """Starts a new stand-in soon. Called when a kernel is adopted and everything before it has been killed."""
        self._pid = 0
        self._start_in(_DELAY_SECONDS)

    def on_exit(self, pid: int) -> None:
        """Handles the exit of a child, which may be this stand-in."""
        if pid == self._pid:
            self._pid = 0
            self._start_in(_RESTART_SECONDS)

    def _start_in(self, seconds):
        if self._timer:
            self._timer.cancel()
        self._timer = self._reactor.after(seconds, self._start)

    def _start(self):
        # posix_spawn is not used: it returns only when the child has begun its program, and a cell can stop the child
        # before that.
        try:
            self._pid = os.fork()
        except OSError as error:
            log.warning("no stand-in could be started: %s", error.strerror)
            self._start_in(_RESTART_SECONDS)
            return
        if self._pid == 0:
            _become_program(self._pipe[0])


def _become_program(stdin):
    """Runs in the forked child. Never returns."""
    try:
        deadman.disarm()
        os.setpgid(0, 0)
        for number in _RESET_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for fd, target in ((stdin, 0), (null, 1), (null, 2)):
            os.dup2(fd, target)
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", _PROGRAM])
    finally:
        os._exit(70)

"""The supervisor's precedence over the processes of cells: theirs get the lowest priority.

Hundreds of busy processes would leave the supervisor a hundredth of a processor. Other containers have a share of their own, so a
cell that is alone with the supervisor loses nothing by it. Linux gives a new process and a new thread the priority of the one that
starts it, and nobody here may raise one again.
"""

import os
import signal
import time

_LOWEST_PRIORITY = 19
#: Seconds between two looks at what still runs, and seconds after which all go on whatever does.
_LOOK, _MAX_SECONDS = 0.005, 0.5
#: States of what makes no process: it has stopped, has ended, or sleeps in a system call after which it stops. A process that waits
#: for the program of its ``vfork``, whose start is stopped, sleeps so for as long.
_STILL = (b"T", b"t", b"Z", b"X", b"D")


class Standstill:
    """Stops all processes of pid 1's user, lowers their priorities but those of ``spared()`` (pids), and lets them go on.

    One system call stops them, which pid 1 can make however little of a processor it gets; to look at each of them while they are
    busy takes longer than they need to multiply. A fork that is under way may still come to its end, so they are looked at until
    there is nothing but what stands still. What a cell itself had stopped goes on too. ``on_end(is_complete)`` is called at the end.
    """

    def __init__(self, reactor, spared, on_end):
        self._reactor = reactor
        self._spared = spared
        self._on_end = on_end
        self._still = set()
        self._give_up = time.monotonic() + _MAX_SECONDS
        self._timer = None

    def begin(self):
        """Once."""
        _signal_all(signal.SIGSTOP)
        self._timer = self._reactor.after(0, self._look, self.end)

    def end(self, is_complete=False):
        """All go on."""
        self._timer.cancel()
        _signal_all(signal.SIGCONT)
        self._on_end(is_complete)

    def _look(self):
        others = _pids().difference(self._still, self._spared(), [1])
        for pid in others:
            threads = _threads_of(pid)
            if not _lower(threads) or all(_stands_still(pid, thread) for thread in threads):
                self._still.add(pid)
        if others and time.monotonic() < self._give_up:
            self._timer = self._reactor.after(_LOOK, self._look, self.end)
        else:
            self.end(is_complete=not others)


def _signal_all(number):
    try:
        os.kill(-1, number)
    except OSError:
        pass  # there is nobody else


def _pids():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def _threads_of(pid):
    """The ids of a process's threads: Linux has a priority for each of them."""
    try:
        return [int(name) for name in os.listdir("/proc/%d/task" % pid)]
    except OSError:
        return []  # it has ended


def _lower(threads):
    """False: they are another user's."""
    for thread in threads:
        try:
            os.setpriority(os.PRIO_PROCESS, thread, _LOWEST_PRIORITY)
        except PermissionError:
            return False
        except OSError:
            pass  # it has ended
    return True


def _stands_still(pid, thread):
    try:
        with open("/proc/%d/task/%d/stat" % (pid, thread), "rb") as file:
            return file.read().rpartition(b")")[2].split(None, 1)[0] in _STILL
    except (OSError, IndexError):
        return True  # it has ended

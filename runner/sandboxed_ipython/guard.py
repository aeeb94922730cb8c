"""What the processes of cells may not do to the supervisor: be ended after it, or leave it no time to run."""

import os
import time

from . import cgroup, oomscore, precedence

#: Seconds between two looks while a cell runs, and while none does.
_LOOK, _LOOK_AT_REST = 0.1, 1.0
#: Of so many looks one searches for lowered scores, and so does each look at which there are more tasks than before.
_LOOKS_OF_SCORES = 5
#: Seconds that a look may come late before the processes of cells have to yield, where so many processes and threads are in the sandbox:
#: more than a pool of workers has on most machines, as all that a cell runs is held up for a moment.
_LATE, _MANY = 0.2, 128
#: Seconds after a standstill in which not everything came to a stop, before there may be another one.
_PAUSE = 1.0


class Guard:
    """``forked_pids()`` gives the pids of all that the supervisor has forked from itself, ``own_pids()`` of those among them in which
    no cell runs; ``cell_runs()`` tells whether one does.

    Cells yield only once the supervisor comes too late beside many of their processes: where other programs keep the machine busy too,
    low priorities can cost a container a part of its share, as Linux divides that among processors by the weights of what runs on each.
    """

    def __init__(self, reactor, forked_pids, own_pids, cell_runs):
        self._reactor = reactor
        self._forked_pids = forked_pids
        self._own_pids = own_pids
        self._cell_runs = cell_runs
        #: Whether this kernel has run a cell, and whether everything that its cells have started has yielded.
        self._has_run = self._all_have_yielded = False
        self._standstill = None
        self._not_before = 0.0
        self._looks = self._tasks = 0
        self._timer = None
        self._wait(_LOOK_AT_REST)

    def begin(self):
        """A cell begins."""
        self._has_run = True
        if self._due > time.monotonic() + _LOOK:
            self._wait(_LOOK)

    def renew(self):
        """What cells have started is gone, and a kernel begins that has yielded to nobody."""
        if self._standstill is not None:
            self._standstill.end()
        self._has_run = self._all_have_yielded = False
        self._wait(_LOOK_AT_REST)  # what came before in this turn may have made the next look late

    def _wait(self, seconds):
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._used = time.monotonic() + seconds, time.process_time()
        self._timer = self._reactor.after(seconds, self._look)

    def _look(self):
        # what the supervisor itself has worked for meanwhile was taken by nobody else
        late = time.monotonic() - self._due - (time.process_time() - self._used)
        self._wait(_LOOK if self._cell_runs() else _LOOK_AT_REST)
        before, self._tasks = self._tasks, cgroup.tasks()
        self._looks += 1
        if late < _LATE:
            if self._tasks > before or self._looks % _LOOKS_OF_SCORES == 0:
                oomscore.raise_lowered(self._forked_pids())
        elif self._may_make_yield() and (self._tasks or _processes()) >= _MANY:
            self._standstill = precedence.Standstill(self._reactor, self._own_pids, self._on_standstill_end)
            self._standstill.begin()

    def _may_make_yield(self):
        """Only as pid 1 are all processes of our user a sandbox's. What is there before a first cell is dying."""
        return os.getpid() == 1 and self._has_run and not self._all_have_yielded and self._standstill is None and time.monotonic() >= self._not_before

    def _on_standstill_end(self, is_complete):
        self._standstill = None
        self._all_have_yielded = is_complete
        self._not_before = time.monotonic() + _PAUSE


def _processes():
    return sum(map(str.isdigit, os.listdir("/proc")))

"""Kills the processes that a dead kernel left running."""

import logging
import os
import signal
import time

from .proctable import processes_of_cells

log = logging.getLogger(__name__)

#: Seconds for which processes are killed one by one. If that is not enough, all are killed at once, and the supervisor
#: waits for the second number of seconds; after that the killed processes run no code of a cell any more. The
#: supervisor does nothing else meanwhile.
_ONE_BY_ONE_SECONDS = 0.3
_ALL_AT_ONCE_SECONDS = 0.2
#: Seconds for which processes are killed one by one where the supervisor is not process 1 and cannot kill all at once.
_ONE_BY_ONE_ON_A_HOST_SECONDS = 2.0
#: With more processes than this they are not killed one by one: if all of them were busy, that would take seconds.
_MAX_ONE_BY_ONE = 150


def kill_leftovers(keep: set[int], reap) -> bool:
    """Kills every process of the sandbox except the supervisor, ``keep``, and processes that the engine put into the
    container.

    Processes that were forked twice or called ``setsid`` are killed too: process 1 owns the whole container. Elsewhere
    (in a test on the host) only the descendants of this process are killed. If the processes are too many, or multiply
    faster than they are found, process 1 kills all processes of its user at once, which includes ``keep`` and a running
    file copy.

    Args:
        keep: pids of processes that stay, with their descendants.
        reap: ``reap()`` reaps the children that have exited. It is called so often that they never use up the sandbox's
            number of processes.

    Returns False if all processes were killed at once, ``keep`` included.
    """
    is_pid_1 = os.getpid() == 1
    if not is_pid_1:
        if not _kill_each(keep, reap, _ONE_BY_ONE_ON_A_HOST_SECONDS):
            log.warning("some processes of the old kernel could not be ended")
        return True
    if not _are_many() and _kill_each(keep, reap, _ONE_BY_ONE_SECONDS):
        return True
    _kill_all()
    _kill_each(keep, reap, _ALL_AT_ONCE_SECONDS)
    return False


def kill_all_if_many() -> bool:
    """If the sandbox has many processes, kills all of them except the supervisor and those that came from outside.
    Returns whether it did.
    """
    if os.getpid() != 1 or not _are_many():
        return False
    _kill_all()
    return True


def _are_many():
    return sum(map(str.isdigit, os.listdir("/proc"))) > _MAX_ONE_BY_ONE


def _kill_all():
    log.info("cells have left many processes: all processes are killed")
    try:
        os.kill(-1, signal.SIGKILL)  # no fork that is in progress escapes this
    except ProcessLookupError:
        pass  # all processes have ended since they were counted


def _kill_each(keep, reap, seconds):
    """Kills processes one by one until none is left. Returns False if some are left after ``seconds``."""
    give_up = time.monotonic() + seconds
    while True:
        victims = processes_of_cells(keep)
        if not victims:
            return True
        for process in victims:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except OSError:
                pass  # the process has ended already
        reap()
        if time.monotonic() > give_up:
            return False
        time.sleep(0.001)
        reap()

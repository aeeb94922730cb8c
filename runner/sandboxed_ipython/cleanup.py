"""Ends what a dead kernel left running."""

import logging
import os
import signal
import time

from .proctable import processes_of_cells

log = logging.getLogger(__name__)

#: Seconds for which leftovers are killed one by one, and after which those that were killed at once are not waited for: they run
#: nothing of a cell any more. Nobody else is served meanwhile.
_PATIENCE = 0.3
_LAST_PATIENCE = 0.2
#: The same where there is nothing but to go on one by one.
_PATIENCE_ON_A_HOST = 2.0
#: Processes that are not looked at one by one: where all of them are busy that would take seconds.
_TOO_MANY = 150


def kill_leftovers(keep, reap):
    """Kills every process of the sandbox but ourselves, ``keep`` (pids and their descendants) and what came from outside.

    Double-forked and ``setsid`` processes included: a whole container is ours as pid 1. Elsewhere (a test on the
    host) only the descendants of this process are. ``reap()`` takes the exits of children, and is called often enough
    that none of them fills the sandbox's number of processes. Where they are too many, or multiply faster than they are found,
    pid 1 kills all processes of its user at once, a file copy's too. False: so ``keep`` was not kept.
    """
    is_pid_1 = os.getpid() == 1
    if not is_pid_1:
        if not _kill_each(keep, reap, _PATIENCE_ON_A_HOST):
            log.warning("some processes of the old kernel could not be ended")
        return True
    if not _are_many() and _kill_each(keep, reap, _PATIENCE):
        return True
    _kill_all()
    _kill_each(keep, reap, _LAST_PATIENCE)
    return False


def kill_all_if_many():
    """Kills all processes of the sandbox but ourselves and what came from outside, if they are many. Returns whether they were."""
    if os.getpid() != 1 or not _are_many():
        return False
    _kill_all()
    return True


def _are_many():
    return sum(map(str.isdigit, os.listdir("/proc"))) > _TOO_MANY


def _kill_all():
    log.info("cells have left many processes: all are killed")
    try:
        os.kill(-1, signal.SIGKILL)  # Linux lets no fork that is under way outrun this
    except ProcessLookupError:
        pass  # all have ended since they were counted


def _kill_each(keep, reap, seconds):
    """Kills one by one until none is left; False: there still are some after so many seconds."""
    give_up = time.monotonic() + seconds
    while True:
        victims = processes_of_cells(keep)
        if not victims:
            return True
        for process in victims:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except OSError:
                pass  # it is gone already
        reap()
        if time.monotonic() > give_up:
            return False
        time.sleep(0.001)
        reap()

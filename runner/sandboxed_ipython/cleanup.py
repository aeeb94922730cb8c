"""Ends what a dead kernel left running, and empties places that a reset clears."""

import logging
import os
import secrets
import signal
import time

from .hosts import parent_of

log = logging.getLogger(__name__)


def _stat(pid):
    """(state, parent, session) of a process, or None."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0], int(fields[1]), int(fields[3])
    except (OSError, ValueError, IndexError):
        return None


def kill_leftovers(keep, seconds=2.0):
    """Kills every process of the sandbox but ourselves, ``keep`` (pids and their descendants) and what came from outside.

    Double-forked and ``setsid`` processes included: a whole container is ours as pid 1. Elsewhere (a test on the
    host) only the descendants of this process are. Bounded by ``seconds``, against a fork bomb that outruns us.
    """
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        victims = list(_ours(keep))
        if not victims:
            return
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # it is gone already
        _reap(victims)
    log.warning("some processes of the old kernel could not be ended")


def _ours(keep):
    me = os.getpid()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == me:
            continue
        pid = int(entry)
        status = _stat(pid)
        if status is None or status[0] == b"Z":
            continue
        ancestors = _ancestors(pid)
        if keep.intersection(ancestors):
            continue
        if (me == 1 and ancestors[-1] != 0) or (me != 1 and me in ancestors[1:]):
            yield pid


def _ancestors(pid):
    """``[pid, parent, …]`` up to pid 1, us, or 0 for a process from outside this pid namespace."""
    chain = [pid]
    while chain[-1] > 1 and chain[-1] != os.getpid() and len(chain) < 4096:
        parent = parent_of(chain[-1])
        if parent < 0:
            parent = 1
        chain.append(parent)
    return chain


def _reap(pids):
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except OSError:
            pass  # not our child; pid 1 reaps it later
    time.sleep(0.001)


def empty_folder(folder, keep=()):
    """Removes what is in ``folder`` but the entries named in ``keep``; what cannot be removed is logged."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        log.warning("%s: %s", folder, error.strerror)
        return
    for name in names:
        if name in keep:
            continue
        path = os.path.join(folder, name)
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                _remove_tree(path)
            else:
                os.unlink(path)
        except OSError as error:
            log.warning("%s: %s", path, error.strerror)


def _remove_tree(top):
    """Folders are moved up into ``top`` before they are emptied: a cell can nest them deeper than a recursion or a path
    goes. They are ours, whatever rights a cell has taken from them."""
    os.chmod(top, 0o700)
    moved = os.path.join(top, secrets.token_hex(8))
    folders, count = [top], 0
    while folders:
        folder = folders.pop()
        below = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
                else:
                    os.unlink(entry.path)
        if folder is top and below:
            folders.append(top)  # again, once what is in it is gone
        for path in below:
            os.chmod(path, 0o700)
            if folder is not top:
                count += 1
                lifted = "%s-%d" % (moved, count)
                os.rename(path, lifted)
                path = lifted
            folders.append(path)
        if folder is not top or not below:
            os.rmdir(folder)

"""What a running cell uses up: told while it runs, as a notice, once a cell. Nothing is looked at while no cell runs."""

import errno
import os
import time

from . import cgroup

#: Seconds between two looks.
_LOOK = 0.5
#: A place with less room left than this is full (bytes), and has room again with more than that.
_FULL, _ROOM = 4096, 1024 * 1024
#: Seconds after a kill by the memory limit in which another sudden end is its doing too.
_SAME_CAUSE = 3.0
#: How Python words that a place is full, and that a file is larger than any place, wherever in its text an error has it.
_NO_SPACE = ("[Errno %d]" % errno.ENOSPC, "[Errno %d]" % errno.EFBIG)


class Watch:
    """``tell(code, params, msg_id)`` brings notices (README of ``src/protocol``); ``kernel_ends()`` tells whether the kernel is being ended."""

    def __init__(self, reactor, options, tell, kernel_ends):
        self._reactor = reactor
        self._options = options
        self._tell = tell
        self._kernel_ends = kernel_ends
        self._places = (options.home, "/tmp", "/dev/shm")
        self._cell = None
        self._timer = None
        self._told = set()  # (code, place), for this cell
        self._full = set()
        self._kills = self._seen_kills = cgroup.oom_kills()
        self._killed_at = float("-inf")
        self._refusals = cgroup.refused_forks()

    def begin(self, cell):
        """``cell`` runs from now on."""
        self._cell = cell
        self._told.clear()
        self._wait()

    def end(self, evalue="", no_room=False):
        """It has ended, with this text of its error; ``no_room``: its kernel saw a system call find none. The last look, before its reply.

        The text alone is no reason to speak of it, as anybody can raise an error with that number; a full place beside it is one.
        """
        if self._cell is None:
            return
        self._timer.cancel()
        self._look(last=True)
        if (no_room or (self._full and any(word in evalue for word in _NO_SPACE))) and not any(
            code == "DiskFull" for code, _ in self._told
        ):
            # what did not fit may be gone again
            for path in self._full or ("",):
                self._once("DiskFull", {"path": path, "limit": room(path)[1] if path else 0})
        self._cell = None

    def kernel_died(self):
        """Whether the memory limit has just killed something; what it killed so far is accounted for.

        The kernel that takes over may have been killed along with it, as the spare: its end comes to nobody's count later.
        """
        self._cell = None
        if self._timer is not None:
            self._timer.cancel()
        kills, before = cgroup.oom_kills(), self._kills
        self._kills = self._seen_kills = kills
        now = time.monotonic()
        if kills > before:
            self._killed_at = now
        return now < self._killed_at + _SAME_CAUSE

    def _wait(self):
        self._timer = self._reactor.after(_LOOK, self._on_timer)

    def _on_timer(self):
        self._look()
        self._wait()

    def _look(self, last=False):
        kills = cgroup.oom_kills()
        # Only when it was so at the look before too, and the kernel itself is not what was killed: its death is told otherwise.
        if kills > self._kills and (last or self._seen_kills > self._kills) and not self._kernel_ends():
            self._kills, self._killed_at = kills, time.monotonic()
            self._once("ChildKilled", {"limit": cgroup.memory_limit(self._options.memory_limit)})
        self._seen_kills = kills
        refusals = cgroup.refused_forks()
        if refusals > self._refusals:
            self._refusals = refusals
            self._once("PidsExhausted", {"limit": cgroup.pids_limit()})
        for path in self._places:
            free, size = room(path)
            if free < _FULL and path not in self._full:
                self._full.add(path)
                self._once("DiskFull", {"path": path, "limit": size})
            elif free > _ROOM:
                self._full.discard(path)

    def _once(self, code, params):
        key = code, params.get("path")
        if key not in self._told:
            self._told.add(key)
            self._tell(code, params, self._cell.msg_id)


def room(path):
    """(free, size) of a place in bytes; one that cannot be looked at is not full."""
    try:
        status = os.statvfs(path)
    except OSError:
        return float("inf"), 0
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def fullest(paths=("/sandbox", "/tmp", "/dev/shm")):
    """(path, size) of the one with the least room."""
    _, size, path = min((*room(path), path) for path in paths)
    return path, size

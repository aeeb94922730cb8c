"""Watches what a running cell uses up. It logs notices while the cell runs, each once per cell. Nothing is watched
while no cell runs.
"""

import errno
import os
import time

from . import cgroup

#: Seconds between two looks.
_LOOK_SECONDS = 0.5
#: A file system with less free space than the first number of bytes is full. It has room again with more than the
#: second number.
_FULL_BYTES, _ROOM_BYTES = 4096, 1024 * 1024
#: Seconds after a kill by the memory limit in which another sudden death also counts as its doing.
_SAME_CAUSE_SECONDS = 3.0
#: How Python reports, anywhere in an error's text, that a file system is full, and that a file is larger than any file
#: system.
_NO_SPACE = ("[Errno %d]" % errno.ENOSPC, "[Errno %d]" % errno.EFBIG)


class Watch:
    """Watches the running cell.

    Args:
        reactor: the supervisor's reactor.
        options: the :class:`Options`.
        notify: ``notify(code, params, msg_id)`` logs a notice (see ``src/protocol/README.md``).
        kernel_ends: ``kernel_ends()`` returns whether the kernel is being killed.
    """

    def __init__(self, reactor, options, notify, kernel_ends):
        self._reactor = reactor
        self._options = options
        self._notify = notify
        self._kernel_ends = kernel_ends
        self._places = (options.home, "/tmp", "/dev/shm")
        self._cell = None
        self._timer = None
        self._reported = set()  # (code, path) of the notices for this cell
        self._full = set()
        self._kills = self._seen_kills = cgroup.oom_kills()
        self._killed_at = float("-inf")
        self._refusals = cgroup.refused_forks()

    def begin(self, cell) -> None:
        """Starts watching ``cell``."""
        self._cell = cell
        self._reported.clear()
        self._wait()

    def end(self, evalue: str = "", no_room: bool = False) -> None:
        """Stops watching after a last look. Must be called before the cell's reply is logged.

        The text of an error is no sufficient reason for a notice, because anybody can raise an error with that number;
        together with a full file system it is.

        Args:
            evalue: the text of the cell's error.
            no_room: whether the kernel saw a system call that found no room.
        """
        if self._cell is None:
            return
        self._timer.cancel()
        self._look(last=True)
        if (no_room or (self._full and any(word in evalue for word in _NO_SPACE))) and not any(
            code == "DiskFull" for code, _ in self._reported
        ):
            # the file that did not fit may be gone again
            for path in self._full or ("",):
                self._report_once("DiskFull", {"path": path, "limit": room(path)[1] if path else 0})
        self._cell = None

    def kernel_died(self) -> bool:
        """Returns whether the memory limit has just killed something, and accounts for all its kills so far.

        The process that takes over, the spare, may have been killed as well. Its end then counts for the same cause.
        """
        self._cell = None
        if self._timer is not None:
            self._timer.cancel()
        kills, before = cgroup.oom_kills(), self._kills
        self._kills = self._seen_kills = kills
        now = time.monotonic()
        if kills > before:
            self._killed_at = now
        return now < self._killed_at + _SAME_CAUSE_SECONDS

    def _wait(self):
        self._timer = self._reactor.after(_LOOK_SECONDS, self._on_timer)

    def _on_timer(self):
        self._look()
        self._wait()

    def _look(self, last=False):
        kills = cgroup.oom_kills()
        # A kill is only reported if it was already seen at the look before, and if the kernel itself is not what was
        # killed: the kernel's death is reported in another way.
        if kills > self._kills and (last or self._seen_kills > self._kills) and not self._kernel_ends():
            self._kills, self._killed_at = kills, time.monotonic()
            self._report_once("ChildKilled", {"limit": cgroup.memory_limit(self._options.memory_limit)})
        self._seen_kills = kills
        refusals = cgroup.refused_forks()
        if refusals > self._refusals:
            self._refusals = refusals
            self._report_once("PidsExhausted", {"limit": cgroup.pids_limit()})
        for path in self._places:
            free, size = room(path)
            if free < _FULL_BYTES and path not in self._full:
                self._full.add(path)
                self._report_once("DiskFull", {"path": path, "limit": size})
            elif free > _ROOM_BYTES:
                self._full.discard(path)

    def _report_once(self, code, params):
        key = code, params.get("path")
        if key not in self._reported:
            self._reported.add(key)
            self._notify(code, params, self._cell.msg_id)


def room(path):
    """Returns (free, size) of a file system in bytes. One that cannot be examined counts as not full."""
    try:
        status = os.statvfs(path)
    except OSError:
        return float("inf"), 0
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def fullest(paths: tuple = ("/sandbox", "/tmp", "/dev/shm")) -> tuple[str, int]:
    """Returns (path, size) of the file system with the least free space."""
    _, size, path = min((*room(path), path) for path in paths)
    return path, size

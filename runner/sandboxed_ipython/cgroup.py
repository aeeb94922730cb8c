"""Reads the sandbox's own cgroup, as far as it can be read from inside the sandbox (versions 1 and 2)."""

import os

_V1 = "/sys/fs/cgroup/memory"
_V1_PIDS = "/sys/fs/cgroup/pids"
_V2 = "/sys/fs/cgroup"
#: Version 1 shows a missing limit as a number near 2**63.
_UNLIMITED_BYTES = 1 << 60


def _fields(path):
    try:
        with open(path, encoding="ascii") as file:
            return dict(line.split(None, 1) for line in file if len(line.split(None, 1)) == 2)
    except (OSError, ValueError):
        return {}


def oom_kills() -> int:
    """Returns how many processes the memory limit has killed so far, or 0 if that cannot be read."""
    for path in (_V1 + "/memory.oom_control", _V2 + "/memory.events"):
        value = _fields(path).get("oom_kill")
        if value is not None:
            return int(value)
    return 0


def refused_forks() -> int:
    """Returns how often a process or thread was refused because there were too many, or 0 if that cannot be read."""
    for path in (_V1_PIDS + "/pids.events", _V2 + "/pids.events"):
        value = _fields(path).get("max")
        if value is not None:
            return int(value)
    return 0


def pids_limit() -> int:
    """Returns how many processes and threads the sandbox may have, or 0 if that cannot be read."""
    for path in (_V1_PIDS + "/pids.max", _V2 + "/pids.max"):
        try:
            with open(path, encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):  # "max": no limit
            continue
    return 0


def memory_limit(at_start: int) -> int:
    """Returns the current memory limit in bytes, which the engine may have changed since the start.

    Args:
        at_start: the limit at the start, in bytes, which is returned if the current one cannot be read.
    """
    for path in (_V1 + "/memory.limit_in_bytes", _V2 + "/memory.max"):
        try:
            with open(path, encoding="ascii") as file:
                found = int(file.read())
            return found if found < _UNLIMITED_BYTES else at_start
        except (OSError, ValueError):  # "max": no limit of its own
            continue
    return at_start


def tmpfs_bytes(paths: tuple = ("/sandbox", "/tmp", "/dev/shm")) -> int:
    """Returns how many bytes the files in the sandbox's memory-backed folders hold. They count against the memory
    limit.
    """
    total = 0
    seen = set()
    for path in paths:
        try:
            device = os.stat(path).st_dev
            status = os.statvfs(path)
        except OSError:
            continue
        if device not in seen:
            seen.add(device)
            total += (status.f_blocks - status.f_bfree) * status.f_frsize
    return total

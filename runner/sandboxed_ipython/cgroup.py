"""The sandbox's own memory cgroup, as far as it can be read from inside (cgroup v1 and v2)."""

import os

_V1 = "/sys/fs/cgroup/memory"
_V2 = "/sys/fs/cgroup"


def _fields(path):
    try:
        with open(path, encoding="ascii") as file:
            return dict(line.split(None, 1) for line in file if len(line.split(None, 1)) == 2)
    except (OSError, ValueError):
        return {}


def oom_kills():
    """How many processes the memory limit has killed so far; 0 where that cannot be read."""
    for path in (_V1 + "/memory.oom_control", _V2 + "/memory.events"):
        value = _fields(path).get("oom_kill")
        if value is not None:
            return int(value)
    return 0


def tmpfs_bytes(paths=("/sandbox", "/tmp", "/dev/shm")):
    """Bytes that files in the sandbox's memory-backed places hold; they count against the memory limit."""
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

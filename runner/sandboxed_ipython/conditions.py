"""The resource limits and the processor share of a process. Any process of the same user can reduce them."""

import os
import resource

from . import precedence

_LIMITS = sorted(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))


def are_ours(pid: int) -> bool:
    """Returns whether a process that the supervisor has forked still has the supervisor's limits and processor share. A
    cell may have reduced them, and reduced limits cannot be raised again.
    """
    try:
        return _of(pid) == _of(os.getpid()) and precedence.is_as_given(pid)
    except OSError:
        return False  # the process has ended


def _of(pid):
    limits = [resource.prlimit(pid, number) for number in _LIMITS]
    # Only the supervisor has this flag, which gives its children turns of the usual length.
    return limits, os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK, os.sched_getaffinity(pid)

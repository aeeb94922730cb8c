"""The limits and the share of the processors that a process has, which any process of its user can take from it."""

import os
import resource

from . import precedence

_LIMITS = sorted(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))


def are_ours(pid):
    """Whether a process that we have forked still has what it had from us: a cell may have changed it, and only less can be given back."""
    try:
        return _of(pid) == _of(os.getpid()) and precedence.is_as_given(pid)
    except OSError:
        return False  # it has ended


def _of(pid):
    limits = [resource.prlimit(pid, number) for number in _LIMITS]
    # The supervisor alone has the flag by which its children take turns of the usual length.
    return limits, os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK, os.sched_getaffinity(pid)

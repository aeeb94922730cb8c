"""Whether a cell's error came from a system call that found no room, rather than from a ``raise`` with the same number."""

import errno

from . import causes

_NUMBERS = (errno.ENOSPC, errno.EFBIG)


def was_met(error):
    """Whether ``error`` (an exception), or one of its chain, says so and was raised by no ``raise``."""
    return any(
        issubclass(type(one), OSError) and causes.errno_of(one) in _NUMBERS and causes.is_of_a_call(one)
        for one in causes.chain(error)
    )

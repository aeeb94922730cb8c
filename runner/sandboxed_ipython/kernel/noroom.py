"""Whether a cell's error came from a system call that found no room, and not from a ``raise`` with the same number."""

import errno

from . import causes

_NUMBERS = (errno.ENOSPC, errno.EFBIG)


def was_met(error: BaseException) -> bool:
    """Returns whether ``error`` (an exception), or an exception of its chain, has such a number and was not raised by a
    ``raise``.
    """
    return any(
        issubclass(type(one), OSError) and causes.errno_of(one) in _NUMBERS and causes.is_of_a_call(one)
        for one in causes.chain(error)
    )

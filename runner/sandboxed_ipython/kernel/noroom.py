"""Whether a cell's error came from a system call that found no room, rather than from a ``raise`` with the same number."""

import errno
import opcode

_NUMBERS = (errno.ENOSPC, errno.EFBIG)
_RAISE = opcode.opmap["RAISE_VARARGS"]
#: How many exceptions of a chain are looked at.
_MAX_CHAIN = 100
# Python's own accessors: a class of the cell's may have code of its own behind these names.
_traceback, _cause, _context = (vars(BaseException)[name].__get__ for name in ("__traceback__", "__cause__", "__context__"))
_errno = vars(OSError)["errno"].__get__


def was_met(error):
    """Whether ``error`` (an exception), or one that it was raised from or while it was handled, says so and was raised by no ``raise``."""
    waiting, seen = [error], set()
    while waiting and len(seen) < _MAX_CHAIN:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if issubclass(type(one), OSError) and _errno(one) in _NUMBERS and _is_of_a_call(_traceback(one)):
            return True
        waiting += [_context(one), _cause(one)]
    return False


def _is_of_a_call(traceback):
    """Whether the innermost frame was in a call when the exception came up; what is raised again keeps that frame."""
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code.co_code[traceback.tb_lasti] != _RAISE

"""The cause of an error: the exceptions of its chain, and whether one of them came from a call into Python's own code.

No attribute of a cell's object is read in the usual way, because its class may run code of its own behind any name.
"""

import opcode

_RAISE = opcode.opmap["RAISE_VARARGS"]
#: Number of exceptions of a chain that are examined.
_MAX_CHAIN = 100
_traceback, _cause, _context = (
    vars(BaseException)[name].__get__ for name in ("__traceback__", "__cause__", "__context__")
)
errno_of = vars(OSError)["errno"].__get__
try:
    _Group, _members = BaseExceptionGroup, vars(BaseExceptionGroup)["exceptions"].__get__
except NameError:  # before Python 3.11
    _Group, _members = (), None


def chain(error: BaseException):
    """Yields ``error`` (an exception), and the exceptions that it was raised from, that were being handled when it was
    raised, and that it groups.
    """
    waiting, seen = [error], set()
    while waiting and len(seen) < _MAX_CHAIN:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [_context(one), _cause(one)]
        if issubclass(type(one), _Group):
            waiting += _members(one)[:_MAX_CHAIN]


def innermost(error: BaseException):
    """Returns the traceback entry of the frame in which the exception first occurred, also if it was raised again
    later, or None.
    """
    traceback = _traceback(error)
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback


def is_of_a_call(error: BaseException) -> bool:
    """Returns whether the innermost frame was in a call when the exception occurred, and not at a ``raise``."""
    entry = innermost(error)
    if entry is None:
        return False
    # The frames that compiled modules add have code without instructions, and an entry that a cell has made may name
    # any instruction.
    code, at = entry.tb_frame.f_code.co_code, entry.tb_lasti
    return not 0 <= at < len(code) or code[at] != _RAISE

"""What an error came from: the exceptions of its chain, and whether a call into Python's own code raised one. Objects of a cell's are
not asked, as their classes may have code of their own behind any name."""

import opcode

_RAISE = opcode.opmap["RAISE_VARARGS"]
#: How many exceptions of a chain are looked at.
_MAX_CHAIN = 100
_traceback, _cause, _context = (
    vars(BaseException)[name].__get__ for name in ("__traceback__", "__cause__", "__context__")
)
errno_of = vars(OSError)["errno"].__get__
try:
    _Group, _members = BaseExceptionGroup, vars(BaseExceptionGroup)["exceptions"].__get__
except NameError:  # before Python 3.11
    _Group, _members = (), None


def chain(error):
    """``error`` (an exception) and those that it was raised from, or while they were handled, or that it is a group of."""
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


def innermost(error):
    """The traceback entry of the frame in which the exception came up, also where it was raised again; None where there is none."""
    traceback = _traceback(error)
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback


def is_of_a_call(error):
    """Whether the innermost frame was in a call when the exception came up, and not at a ``raise``."""
    entry = innermost(error)
    if entry is None:
        return False
    # Frames that compiled modules add have code without instructions, and an entry of a cell's making may name any of them.
    code, at = entry.tb_frame.f_code.co_code, entry.tb_lasti
    return not 0 <= at < len(code) or code[at] != _RAISE

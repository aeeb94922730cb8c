"""Whose code a frame runs: a traceback ends, and a warning points, where the user can do something."""

import os
from traceback import walk_tb

import IPython
import traitlets

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_IPYTHONS = os.path.dirname(os.path.abspath(IPython.__file__)) + os.sep
_TRAITLETS = os.path.dirname(os.path.abspath(traitlets.__file__)) + os.sep
_PYTHONS = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
#: Folders of what was installed, which may be within Python's own.
_INSTALLED = tuple(os.sep + name + os.sep for name in ("site-packages", "dist-packages"))


def is_ours(frame):
    return frame.f_code.co_filename.startswith(_OURS)


def is_the_cells(frame):
    """Whether it is neither ours nor IPython's: the user's, or a library's."""
    return not frame.f_code.co_filename.startswith((_OURS, _IPYTHONS))


def is_foreign(frame):
    """Whether it is the user's or a library's, and none of those with which we and IPython work: Python's own, traitlets."""
    name = frame.f_code.co_filename
    if not is_the_cells(frame) or name.startswith((_TRAITLETS, "<frozen ")):
        return False
    return not name.startswith(_PYTHONS) or any(folder in name for folder in _INSTALLED)


def holds_code_of_a_cell(trace):
    """Whether a line of the user's, or of a library, is in a traceback."""
    return any(is_foreign(frame) for frame, _line in walk_tb(trace))


#: Code of ours that stands between a cell and what it has called.
_PASSING = set()


def passes_errors_on(function):
    """A decorator: an error that passes through the function is shown as if the function were not there."""
    _PASSING.add(function.__code__)
    return function


def without_ours(trace):
    """A traceback that ends before our code where we raised the exception, and without our code that it only passed through."""
    last, before, one = None, None, trace
    while one is not None:
        if is_the_cells(one.tb_frame):
            last = one
        if one.tb_next is None and last is not None and one.tb_frame.f_code.co_filename.startswith(_OURS):
            last.tb_next = None
        if before is not None and one.tb_next is not None and one.tb_frame.f_code in _PASSING:
            before.tb_next = one.tb_next
        else:
            before = one
        one = one.tb_next
    return trace

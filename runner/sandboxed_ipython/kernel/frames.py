"""Whose code a frame runs. Tracebacks end, and warnings point, where the user can do something."""

import os
from traceback import walk_tb

import IPython
import traitlets

_RUNNER_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_IPYTHON_FOLDER = os.path.dirname(os.path.abspath(IPython.__file__)) + os.sep
_TRAITLETS_FOLDER = os.path.dirname(os.path.abspath(traitlets.__file__)) + os.sep
_PYTHON_FOLDER = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
#: Names of folders with installed packages, which may be within Python's own folder.
_INSTALLED_FOLDERS = tuple(os.sep + name + os.sep for name in ("site-packages", "dist-packages"))


def is_ours(frame) -> bool:
    """Returns whether a frame runs the runner's own code."""
    return frame.f_code.co_filename.startswith(_RUNNER_FOLDER)


def is_the_cells(frame) -> bool:
    """Returns whether a frame runs code that is neither the runner's nor IPython's: the user's or a library's."""
    return not frame.f_code.co_filename.startswith((_RUNNER_FOLDER, _IPYTHON_FOLDER))


def is_foreign(frame) -> bool:
    """Returns whether a frame runs code of the user or of a library that the runner and IPython do not use themselves
    (unlike Python's own library and traitlets).
    """
    name = frame.f_code.co_filename
    if not is_the_cells(frame) or name.startswith((_TRAITLETS_FOLDER, "<frozen ")):
        return False
    return not name.startswith(_PYTHON_FOLDER) or any(folder in name for folder in _INSTALLED_FOLDERS)


def holds_code_of_a_cell(trace) -> bool:
    """Returns whether a traceback contains a line of the user's or of a library's code."""
    return any(is_foreign(frame) for frame, _line in walk_tb(trace))


#: Code objects of the runner that stand between a cell and what it has called.
_PASSING_CODE = set()


def passes_errors_on(function):
    """Decorates a function: tracebacks show an error that passes through it as if the function were not there."""
    _PASSING_CODE.add(function.__code__)
    return function


def without_ours(trace):
    """Returns a traceback that ends before the runner's code that raised the exception, and that skips the runner's
    code that only passed it on.
    """
    last, before, one = None, None, trace
    while one is not None:
        if is_the_cells(one.tb_frame):
            last = one
        if one.tb_next is None and last is not None and one.tb_frame.f_code.co_filename.startswith(_RUNNER_FOLDER):
            last.tb_next = None
        if before is not None and one.tb_next is not None and one.tb_frame.f_code in _PASSING_CODE:
            before.tb_next = one.tb_next
        else:
            before = one
        one = one.tb_next
    return trace

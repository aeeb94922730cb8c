"""Whose code a frame runs: a traceback ends, and a warning points, where the user can do something."""

import os

import IPython

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_IPYTHONS = os.path.dirname(os.path.abspath(IPython.__file__)) + os.sep


def is_ours(frame):
    return frame.f_code.co_filename.startswith(_OURS)


def is_the_cells(frame):
    """Whether it is neither ours nor IPython's: the user's, or a library's."""
    return not frame.f_code.co_filename.startswith((_OURS, _IPYTHONS))


def without_ours(trace):
    """A traceback that ends before our code where we raised the exception."""
    last, one = None, trace
    while one is not None:
        if is_the_cells(one.tb_frame):
            last = one
        if one.tb_next is None and last is not None and one.tb_frame.f_code.co_filename.startswith(_OURS):
            last.tb_next = None
        one = one.tb_next
    return trace

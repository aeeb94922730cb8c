"""Finds out from a cell's error which file the cell did not find."""

import contextlib
import os
import pathlib
import subprocess

from . import causes

_START_PROGRAM = subprocess.Popen._execute_child.__code__
#: Characters of a path that are passed on.
MAX_PATH_CHARS = 1000
_filename = vars(OSError)["filename"].__get__


def path_of(error: BaseException) -> str:
    """Returns the absolute path that ``error`` (an exception), or an exception of its chain, did not find, or "".

    A Windows path stays as it is, because it names nothing in the sandbox.
    """
    for one in causes.chain(error):
        name = _text(_filename(one)) if issubclass(type(one), FileNotFoundError) else ""
        if name and not _is_program(name, one):
            path = _absolute(name)
            if path:
                return path[:MAX_PATH_CHARS]
    return ""


def _is_program(name, error):
    """Returns whether ``name`` is that of a program, which is searched in ``PATH`` and not in the working folder."""
    entry = causes.innermost(error)
    return "/" not in name and entry is not None and entry.tb_frame.f_code is _START_PROGRAM


def _text(name):
    if type(name) in (pathlib.PosixPath, pathlib.PurePosixPath):
        with contextlib.suppress(Exception):  # a cell may have changed the parts of the path
            name = str(name)
    if type(name) is bytes:
        return os.fsdecode(name)
    return str.__str__(name) if issubclass(type(name), str) else ""


def _absolute(name):
    if not name or _is_windows_path(name):
        return name
    try:
        return os.path.normpath(os.path.join(os.getcwd(), name))
    except OSError:  # the working folder is gone
        return os.path.normpath(name) if name.startswith("/") else ""


def _is_windows_path(name):
    """Returns whether a path has a drive or a server: ``C:\\data``, ``\\\\server\\data``."""
    return name.startswith("\\\\") or (name[1:3] in (":\\", ":/") and name[0].isalpha() and name[0].isascii())

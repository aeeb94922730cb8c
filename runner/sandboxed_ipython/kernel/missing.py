"""Which file a cell asked for in vain, by its error."""

import os
import pathlib

from . import causes

#: Characters of a path that are told.
MAX_PATH = 1000
_filename = vars(OSError)["filename"].__get__


def path_of(error):
    """The absolute path that ``error`` (an exception), or one of its chain, has not found; "" for none.

    A path of Windows' stays as it is: nothing here is below it.
    """
    for one in causes.chain(error):
        path = _absolute(_text(_filename(one))) if issubclass(type(one), FileNotFoundError) else ""
        if path:
            return path[:MAX_PATH]
    return ""


def _text(name):
    if type(name) in (pathlib.PosixPath, pathlib.PurePosixPath):
        return str(name)
    if type(name) is bytes:
        return os.fsdecode(name)
    return str.__str__(name) if issubclass(type(name), str) else ""


def _absolute(name):
    if not name or _is_of_windows(name):
        return name
    try:
        return os.path.normpath(os.path.join(os.getcwd(), name))
    except OSError:  # the working folder is gone
        return os.path.normpath(name) if name.startswith("/") else ""


def _is_of_windows(name):
    """Whether it has a drive or a server: ``C:\\data``, ``\\\\server\\data``."""
    return name.startswith("\\\\") or (name[1:3] in (":\\", ":/") and name[0].isalpha() and name[0].isascii())

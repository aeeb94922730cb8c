"""The end of a kernel that nobody is in a hurry for: what Python does at its exit, without taking the interpreter apart.

That would take longer than it is waited for where a cell has made much, and closes descriptors by numbers which objects of
the supervisor, copied by the fork, still hold and which may be a cell's files by now.
"""

import atexit
import contextlib
import ctypes
import fcntl
import gc
import io
import os
import stat
import sys
import threading


def leave():
    """Waits for threads, runs ``atexit`` (which empties IPython's namespaces too), writes what files hold back, and ends."""
    with contextlib.suppress(BaseException):
        threading._shutdown()
    # IPython collects garbage then. That would copy every page that is shared with the supervisor: a tenth of a second.
    gc.freeze()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    gc.unfreeze()
    if _has_files():
        _flush_files()
    with contextlib.suppress(BaseException):
        # It removes what shared memory is left when it ends, and must do so before it is killed as a leftover.
        sys.modules["multiprocessing.resource_tracker"]._resource_tracker._stop()
    # Libraries in C have exit handlers too. The interpreter's lock is kept, so that no thread runs while they do.
    ctypes.PyDLL(None).exit(0)


def _has_files():
    """Whether a file that one can write to is open still; standard input is one, which stays empty."""
    for name in set(os.listdir("/proc/self/fd")) - {"0"}:
        with contextlib.suppress(OSError):
            if (
                stat.S_ISREG(os.fstat(int(name)).st_mode)
                and fcntl.fcntl(int(name), fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
            ):
                return True
    return False


def _flush_files():
    for one in gc.get_objects():
        if issubclass(type(one), (io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)):
            with contextlib.suppress(BaseException):
                one.flush()

"""The end of a kernel that may take its time: it does what Python does at its exit, but does not take the interpreter
apart.

Taking it apart would exceed the time limit if a cell has made many objects. It would also close descriptors by their
numbers, which objects of the supervisor, copied by the fork, still hold, and which may be files of a cell by now.
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


def leave() -> None:
    """Waits for threads, runs ``atexit`` (which also empties IPython's namespaces), flushes files, and ends the
    process.
    """
    with contextlib.suppress(BaseException):
        threading._shutdown()
    # IPython collects garbage there. Without this, that would copy every page that is shared with the supervisor, which
    # takes a tenth of a second.
    gc.freeze()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    gc.unfreeze()
    if _has_files():
        _flush_files()
    with contextlib.suppress(BaseException):
        # The tracker removes the remaining shared memory when it ends, and must do so before it is killed as a
        # leftover.
        sys.modules["multiprocessing.resource_tracker"]._resource_tracker._stop()
    # Libraries in C have exit handlers too. The interpreter's lock is kept, so that no thread runs meanwhile.
    ctypes.PyDLL(None).exit(0)


def _has_files():
    """Returns whether a file that can be written to is still open. Standard input is such a file, but it always stays
    empty.
    """
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

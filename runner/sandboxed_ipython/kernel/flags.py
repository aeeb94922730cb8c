"""``sys.flags`` as cells and their children see it.

The supervisor runs with ``-I``, and a kernel is a fork of it. ``multiprocessing``, loky and others start their helpers
with the flags in ``sys.flags``. With ``-I`` a helper would ignore ``PYTHONPATH``, and would not find what ``%pip
install`` has installed.
"""

import ctypes
import re
import sys

#: Flags that ``-I`` implies. ``safe_path`` stays set, so that no ``signal.py`` beside the notebook replaces Python's
#: own in a helper.
_IMPLIED = ("isolated", "ignore_environment", "no_user_site")


def show_no_isolation() -> None:
    """Replaces ``sys.flags`` by the same flags without isolation. The interpreter itself runs as before."""
    kind, (shown, hidden) = type(sys.flags), sys.flags.__reduce__()[1]
    names = re.findall(r"(\w+)=", repr(sys.flags))  # names of the shown fields, in order
    values = [type(value)(0) if name in _IMPLIED else value for name, value in zip(names, shown)]
    values += hidden.values()
    # The type cannot be called; these are the documented functions with which C code makes an instance.
    # a separate object: types that are set on functions of ctypes.pythonapi would apply to everybody
    python = ctypes.PyDLL(None)
    new, put = python.PyStructSequence_New, python.PyStructSequence_SetItem
    new.argtypes, new.restype = [ctypes.py_object], ctypes.py_object
    put.argtypes, put.restype = [ctypes.py_object, ctypes.c_ssize_t, ctypes.py_object], None
    flags = new(kind)
    for index, value in enumerate(values):
        python.Py_IncRef(ctypes.py_object(value))  # PyStructSequence_SetItem takes over the reference
        put(flags, index, value)
    sys.flags = flags

"""``sys.flags`` as cells and their children see it.

The supervisor runs with ``-I``, and a kernel is a fork of it. ``multiprocessing``, loky and others start their helpers with the flags
that ``sys.flags`` shows; with ``-I`` a helper would ignore ``PYTHONPATH``, and so find nothing that ``%pip install`` has put there.
"""

import ctypes
import re
import sys

#: What ``-I`` implies. ``safe_path`` stays: it lets no ``signal.py`` beside the notebook take the place of Python's own in a helper.
_IMPLIED = ("isolated", "ignore_environment", "no_user_site")


def show_no_isolation():
    """Replaces ``sys.flags`` by the same without isolation. How this interpreter itself runs does not change."""
    kind, (shown, hidden) = type(sys.flags), sys.flags.__reduce__()[1]
    names = re.findall(r"(\w+)=", repr(sys.flags))  # in order, of the shown fields
    values = [type(value)(0) if name in _IMPLIED else value for name, value in zip(names, shown)]
    values += hidden.values()
    # The type refuses to be called; these are the documented functions by which C code makes one.
    python = ctypes.PyDLL(None)  # of our own: types that are set on functions of ctypes.pythonapi are everybody's
    new, put = python.PyStructSequence_New, python.PyStructSequence_SetItem
    new.argtypes, new.restype = [ctypes.py_object], ctypes.py_object
    put.argtypes, put.restype = [ctypes.py_object, ctypes.c_ssize_t, ctypes.py_object], None
    flags = new(kind)
    for index, value in enumerate(values):
        python.Py_IncRef(ctypes.py_object(value))  # the item takes over the reference that it is given
        put(flags, index, value)
    sys.flags = flags

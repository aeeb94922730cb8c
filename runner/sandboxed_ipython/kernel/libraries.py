"""Where a kernel and its children find what was installed: a volume that no cell can write to, filled from outside while it lives."""

import importlib
import importlib.machinery
import os
import sys
import sysconfig

from .. import childpip

#: Has the ``pip`` that processes of a kernel import.
_CHILDREN = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "children")
_LOADERS = (
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
)
#: What a sandbox's pip says when it is called past us, by an isolated Python for example. It prints its "links" and has no other way to say a sentence.
_HINT = "/a-sandbox-has-no-network/write-%pip-install-in-a-line-of-its-own"


def add_to_path(folder, tools, queue):
    """Before what the image has, so that what is upgraded wins. ``folder`` may be empty until something is installed; ``tools`` has our own
    ``pip``, which asks by ``queue``."""
    current = os.path.join(folder, "current")
    site = sysconfig.get_path("purelib", "posix_prefix", {"base": current, "platbase": current})
    at = next(
        (index for index, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))),
        len(sys.path),
    )
    sys.path.insert(at, site)
    # made here, because for a folder that is not there yet the import system would remember that it is none
    sys.path_importer_cache[site] = importlib.machinery.FileFinder(site, *_LOADERS)
    _put_first("PYTHONPATH", os.pathsep.join((_CHILDREN, site)))
    os.environ[childpip.QUEUE_VARIABLE] = queue
    _put_first("PATH", os.pathsep.join((tools, os.path.join(current, "bin"))))
    os.environ["PIP_NO_INDEX"] = "1"  # it would try for minutes
    os.environ["PIP_FIND_LINKS"] = _HINT
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    os.environ["PIP_BREAK_SYSTEM_PACKAGES"] = "1"  # its advice about virtual environments would come before the hint


def _put_first(variable, path):
    os.environ[variable] = os.pathsep.join([path, *filter(None, [os.environ.get(variable)])])


def changed():
    """Something was installed."""
    importlib.invalidate_caches()

"""Where a kernel and its children find installed libraries: on a volume that no cell can write to and that is filled
from outside while the kernel lives.
"""

import importlib
import importlib.machinery
import os
import sys
import sysconfig

from .. import childpip

#: The folder with the ``pip`` that processes of a kernel import.
_CHILDREN_FOLDER = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "children"
)
_LOADERS = (
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
)
#: The image's own pip shows this text if it is called directly, for example by an isolated Python. It prints its
#: "links", and there is no other way to make it print a sentence.
_HINT = "/a-sandbox-has-no-network/write-%pip-install-in-a-line-of-its-own"


def add_to_path(folder: str, tools: str, queue: str) -> None:
    """Puts the installed libraries before those of the image, so that upgraded versions win.

    Args:
        folder: path of the volume. It may be empty until something is installed.
        tools: path of the folder with the runner's own ``pip``.
        queue: path of the queue's folder, through which that ``pip`` requests installs.
    """
    current = os.path.join(folder, "current")
    site = sysconfig.get_path("purelib", "posix_prefix", {"base": current, "platbase": current})
    at = next(
        (index for index, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))),
        len(sys.path),
    )
    sys.path.insert(at, site)
    # made here, because the import system would remember a folder that does not exist yet as no folder
    sys.path_importer_cache[site] = importlib.machinery.FileFinder(site, *_LOADERS)
    _put_first("PYTHONPATH", os.pathsep.join((_CHILDREN_FOLDER, site)))
    os.environ[childpip.QUEUE_VARIABLE] = queue
    _put_first("PATH", os.pathsep.join((tools, os.path.join(current, "bin"))))
    os.environ["PIP_NO_INDEX"] = "1"  # otherwise pip would try to reach an index for minutes
    os.environ["PIP_FIND_LINKS"] = _HINT
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    # otherwise pip's advice about virtual environments would come before the hint
    os.environ["PIP_BREAK_SYSTEM_PACKAGES"] = "1"


def _put_first(variable, path):
    os.environ[variable] = os.pathsep.join([path, *filter(None, [os.environ.get(variable)])])


def changed() -> None:
    """Must be called after something was installed."""
    importlib.invalidate_caches()

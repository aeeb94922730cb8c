"""The parts of ``ipykernel`` that libraries import to open comms and to recognize a notebook, for images without
ipykernel.
"""

import importlib.abc
import importlib.machinery
import sys

#: The version since which ipykernel's comms are those of the ``comm`` package, as they are here. ipywidgets checks it.
_VERSION = (6, 18, 0)


def _missing(name):
    raise AttributeError(
        "The kernel of a sandbox is not ipykernel: of that package it has ipykernel.comm and ipykernel.zmqshell, and no %s."
        % name
    )


class _Modules(importlib.abc.MetaPathFinder):
    def __init__(self, shell, comms):
        package = {
            "version_info": _VERSION,
            "__version__": ".".join(map(str, _VERSION)),
            "zmqshell": shell,
            "__getattr__": _missing,
        }
        self._contents = {
            "ipykernel": package,
            "ipykernel.comm": {"Comm": comms.Comm, "CommManager": comms.CommManager},
        }

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self._contents:
            return None
        return importlib.machinery.ModuleSpec(
            fullname, _Contents(self._contents[fullname]), is_package=fullname == "ipykernel"
        )


class _Contents(importlib.abc.Loader):
    def __init__(self, names):
        self._names = names

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        vars(module).update(self._names)


def provide(shell, comms) -> None:
    """Makes the modules importable. An installed ipykernel takes precedence, also one that is installed later.

    Args:
        shell, comms: the modules of this package with these names.
    """
    sys.modules.setdefault("ipykernel.zmqshell", shell)  # tqdm looks for this module to recognize a notebook's kernel
    sys.meta_path.append(_Modules(shell, comms))

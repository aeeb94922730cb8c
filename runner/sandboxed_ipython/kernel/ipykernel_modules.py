"""What libraries import of ``ipykernel`` to open comms and to know a notebook, where that package itself is not installed."""

import importlib.abc
import importlib.machinery
import sys

#: ipykernel's comms are those of the ``comm`` package since then, as ours are; ipywidgets asks for it.
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


def provide(shell, comms):
    """``shell`` and ``comms`` are modules of ours. An ipykernel that is installed, now or later, comes first."""
    sys.modules.setdefault("ipykernel.zmqshell", shell)  # tqdm looks for it there to know a notebook's kernel
    sys.meta_path.append(_Modules(shell, comms))

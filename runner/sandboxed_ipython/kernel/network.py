"""Whether a cell wanted a network, which a sandbox does not have: by an error of its own, or by a program that failed."""

import contextlib
import errno
import socket
import subprocess

from . import causes

_NameError, _FailedProgram = socket.gaierror, subprocess.CalledProcessError
#: No name server can be reached, or none knows the name.
_UNKNOWN = tuple(
    number
    for name in ("EAI_AGAIN", "EAI_FAIL", "EAI_NONAME", "EAI_NODATA")
    if (number := getattr(socket, name, None)) is not None
)
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH)
#: What the operating system counts for all processes of the sandbox.
_COUNTS = "/proc/self/net/snmp"


class Network:
    """Of the cell that runs."""

    def __init__(self):
        #: A program that failed had tried to reach an address outside.
        self.was_wanted = False

    def begin(self):
        """A cell begins."""
        self.was_wanted = False

    @contextlib.contextmanager
    def watched(self):
        """Gives a function that says that what was started within has failed. If the operating system has meanwhile found no way to an
        address, that of a name server for example, it failed for want of a network."""
        before = _refused()

        def failed():
            self.was_wanted = self.was_wanted or _refused() > before

        try:
            yield failed
        except _FailedProgram:
            failed()
            raise


def was_missed(error):
    """Whether ``error`` (an exception), or one of its chain, is a look-up or a connection that failed so, and not a ``raise`` of somebody's."""
    return any(_is_of_network(one) and causes.is_of_a_call(one) for one in causes.chain(error))


def _is_of_network(error):
    kind = type(error)
    if issubclass(kind, _NameError):
        return causes.errno_of(error) in _UNKNOWN
    return issubclass(kind, OSError) and causes.errno_of(error) in _UNREACHABLE


def _refused():
    """How many packets had no way to where they should go, since the sandbox began; 0 where that cannot be seen."""
    try:
        with open(_COUNTS, encoding="ascii") as file:
            names, values = (line.split() for line in file if line.startswith("Ip:"))
        return int(values[names.index("OutNoRoutes")])
    except (OSError, ValueError):
        return 0

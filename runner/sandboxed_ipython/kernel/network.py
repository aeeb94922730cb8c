"""Whether a cell wanted a network, which a sandbox does not have: from the cell's own error, or from a program that
failed.
"""

import contextlib
import errno
import socket
import subprocess

from . import causes

_NameError, _FailedProgram = socket.gaierror, subprocess.CalledProcessError
#: Error numbers: no name server can be reached, or none knows the name.
_UNKNOWN = tuple(
    number
    for name in ("EAI_AGAIN", "EAI_FAIL", "EAI_NONAME", "EAI_NODATA")
    if (number := getattr(socket, name, None)) is not None
)
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH)
#: Counters of the operating system for all processes of the sandbox.
_COUNTS = "/proc/self/net/snmp"


class Network:
    """Notices whether the running cell wanted a network."""

    def __init__(self):
        #: True if a program that failed had tried to reach an address outside.
        self.was_wanted = False

    def begin(self) -> None:
        """Forgets the last cell, because a cell begins."""
        self.was_wanted = False

    @contextlib.contextmanager
    def watched(self):
        """Watches programs that are started in the block.

        Yields ``failed()``, which must be called if a program has failed. If the operating system has meanwhile found
        no route to an address, such as that of a name server, the program counts as failed because of the missing
        network.
        """
        before = _refused()

        def failed():
            self.was_wanted = self.was_wanted or _refused() > before

        try:
            yield failed
        except _FailedProgram:
            failed()
            raise


def was_missed(error: BaseException) -> bool:
    """Returns whether ``error`` (an exception), or an exception of its chain, is a failed name look-up or connection,
    and not a ``raise`` of other code.
    """
    return any(_is_of_network(one) and causes.is_of_a_call(one) for one in causes.chain(error))


def _is_of_network(error):
    kind = type(error)
    if issubclass(kind, _NameError):
        return causes.errno_of(error) in _UNKNOWN
    return issubclass(kind, OSError) and causes.errno_of(error) in _UNREACHABLE


def _refused():
    """Returns how many packets had no route since the sandbox began, or 0 if that cannot be read."""
    try:
        with open(_COUNTS, encoding="ascii") as file:
            names, values = (line.split() for line in file if line.startswith("Ip:"))
        return int(values[names.index("OutNoRoutes")])
    except (OSError, ValueError):
        return 0

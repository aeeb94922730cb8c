"""Imports what a kernel needs before the supervisor forks, so that a kernel starts in milliseconds: IPython, but
nothing of the user.
"""

import asyncio  # noqa: F401
import fcntl
import getpass  # noqa: F401
import logging
import os
import pydoc  # noqa: F401
import resource
import signal
import timeit  # noqa: F401

import IPython

# IPython imports these lazily at the first cell or the first traceback; each kernel would pay for that after its fork.
import IPython.core.completer
import IPython.core.display
import IPython.core.magics.script
import IPython.core.ultratb
import IPython.display
import IPython.extensions.storemagic
import stack_data  # noqa: F401

from . import precedence
from .kernel import main as kernel_main

#: The lowest number of a kernel's own descriptors, so that cells do not hit them by accident when they close or
#: duplicate low ones.
_FIRST_PRIVATE_FD = 100


class Zygote:
    """The supervisor as the process from which kernels are forked."""

    def __init__(self, options):
        self.options = options
        self.ipython_version = IPython.__version__

    def run_kernel(self, pair, stdin, stdout, stderr):
        """Lives as a forked kernel. Never returns to the supervisor's code.

        Args:
            pair: the kernel's end of the message pair (a socket).
            stdin, stdout, stderr: the descriptors that become 0, 1 and 2.
        """
        fds = _take_fds(pair, stdin, stdout, stderr)
        os.setsid()
        precedence.yield_to_supervisor()
        # The kernel stays not dumpable until it is adopted. No cell may look into, trace or write into a later kernel.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ignored until a cell runs
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        logging.getLogger(__package__).handlers = [logging.NullHandler()]  # stderr belongs to the cell from now on
        kernel_main.run(self.options, *fds)


def _take_fds(pair, stdin, stdout, stderr):
    """Moves the three channels to high numbers, sets up 0, 1 and 2, and closes everything else. Returns the new
    numbers.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limit = 65536 if limit == resource.RLIM_INFINITY else min(limit, 65536)
    private = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_PRIVATE_FD) for fd in (pair.fileno(), stdout, stderr)]
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    pair.detach()
    low = 3
    for fd in sorted(private):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, limit)
    return private

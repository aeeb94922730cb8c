"""What the supervisor imports before it forks, so that a kernel starts in milliseconds: IPython, and nothing of the user's."""

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

# Imported lazily by IPython's first cell or first traceback; a kernel would pay for each after its fork.
import IPython.core.completer
import IPython.core.display
import IPython.core.magics.script
import IPython.core.ultratb
import IPython.display
import IPython.extensions.storemagic
import stack_data  # noqa: F401

from . import precedence
from .kernel import main as kernel_main

#: Descriptors of a kernel that cells should not hit by accident when they close or duplicate low ones.
_PRIVATE_FDS = 100


class Zygote:
    def __init__(self, options):
        self.options = options
        self.ipython_version = IPython.__version__

    def run_kernel(self, pair, stdin, stdout, stderr):
        """The life of a forked kernel, which never returns to the supervisor's code."""
        fds = _take_fds(pair, stdin, stdout, stderr)
        os.setsid()
        precedence.yield_to_supervisor()
        # It stays not dumpable until it is adopted: no cell must look into, trace or write into the kernel after it.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # until a cell runs
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        logging.getLogger(__package__).handlers = [logging.NullHandler()]  # stderr is the cell's from here on
        kernel_main.run(self.options, *fds)


def _take_fds(pair, stdin, stdout, stderr):
    """Moves the three channels to private numbers, wires 0, 1 and 2, and closes everything else."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limit = 65536 if limit == resource.RLIM_INFINITY else min(limit, 65536)
    private = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _PRIVATE_FDS) for fd in (pair.fileno(), stdout, stderr)]
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

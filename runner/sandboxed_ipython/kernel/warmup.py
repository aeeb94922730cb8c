"""What the first cell would pay for once, done while the kernel has nothing to do."""

import sys

#: Seconds from a kernel's readiness to its warm-up: the cell that waited for the kernel comes before.
_DELAY = 0.1


class WarmUp:
    """One silent failing cell: the first traceback costs ten times the second. (A completion would cost a second: jedi.)"""

    def __init__(self, loop, shell):
        self._shell = shell
        self._handle = loop.call_later(_DELAY, self._run)

    def cancel(self):
        """Something of the user's is about to run. From then on there is no warm-up: hooks and variables are the user's."""
        self._handle.cancel()

    def _run(self):
        sys.stdout, sys.stderr, streams = _Nowhere(), _Nowhere(), (sys.stdout, sys.stderr)
        try:
            self._shell.run_cell("1/0", store_history=False, silent=True)
        finally:
            sys.stdout, sys.stderr = streams
        self._shell._last_traceback = None
        for name in ("_last_type", "last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)


class _Nowhere:
    """Where the warm-up writes."""

    encoding = "utf-8"

    def write(self, text):
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

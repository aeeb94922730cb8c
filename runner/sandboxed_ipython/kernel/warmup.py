"""Does what the first cell would have to do once, while the kernel is idle."""

import sys

#: Seconds from a kernel's readiness to its warm-up. A cell that waits for the kernel runs before that.
_DELAY_SECONDS = 0.1


class WarmUp:
    """Runs one silent failing cell, because the first traceback takes ten times as long as the second. (A completion
    would take a second, because of jedi.)
    """

    def __init__(self, loop, shell):
        self._shell = shell
        self._handle = loop.call_later(_DELAY_SECONDS, self._run)

    def cancel(self) -> None:
        """Cancels the warm-up, because code of the user is about to run. From then on hooks and variables belong to the
        user.
        """
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
    """The stream to which the warm-up writes."""

    encoding = "utf-8"

    def write(self, text):
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

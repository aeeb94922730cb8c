"""``input()`` and ``getpass()``: a request to the host, and the wait for the answer."""

import warnings

from . import bounds


class StdinNotImplementedError(NotImplementedError):
    """The sender of the cell answers no prompts. IPython's exception has the same name."""


try:
    from IPython.core.error import StdinNotImplementedError
except ImportError:
    pass


class Prompts:
    """Replaces ``builtins.input`` and ``getpass.getpass`` of a kernel.

    Any thread may ask while a cell runs. ``allowed`` is True if the sender of that cell answers prompts.
    """

    def __init__(self, kernel):
        self._kernel = kernel
        self.allowed = False

    def input(self, prompt="", /):
        """Implements ``input()``. Raises StdinNotImplementedError if nobody answers, and KeyboardInterrupt on an
        interrupt.
        """
        return self._ask(str(prompt), password=False)

    def getpass(self, prompt="", stream=None, **_):
        """Implements ``getpass.getpass()`` as ipykernel does: the default prompt is empty. ``stream`` has no effect."""
        if stream is not None:
            warnings.warn(
                "The `stream` parameter of `getpass.getpass` has no effect in a notebook", UserWarning, stacklevel=2
            )
        return self._ask(str(prompt), password=True)

    def _ask(self, prompt, password):
        if not self.allowed:
            raise StdinNotImplementedError("input was requested, but %s." % _nobody(self._kernel))
        prompt = bounds.shortened(prompt, bounds.PROMPT_CHARS)
        try:
            with self._kernel.inbox.request("input_request", {"prompt": prompt, "password": password}) as answer:
                value = answer()["content"]["value"]
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted by user") from None
        if value == "\x04":  # Ctrl-D, as in ipykernel
            raise EOFError
        return value


def _nobody(kernel):
    return "the program that runs this cell does not answer prompts" if kernel.running else "no cell is running"

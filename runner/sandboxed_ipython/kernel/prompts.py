"""``input()`` and ``getpass()``: a request to whoever watches the notebook, and the wait for the answer."""

import warnings

from . import bounds


class StdinNotImplementedError(NotImplementedError):
    """The cell was sent by a caller that answers no prompts. Same name as IPython's."""


try:
    from IPython.core.error import StdinNotImplementedError
except ImportError:
    pass


class Prompts:
    """Replaces ``builtins.input`` and ``getpass.getpass`` of a kernel. Any thread may ask, while a cell runs that is ``allowed`` to."""

    def __init__(self, kernel):
        self._kernel = kernel
        self.allowed = False

    def input(self, prompt="", /):
        """``input()``; raises StdinNotImplementedError where nobody answers, KeyboardInterrupt on interrupt."""
        return self._ask(str(prompt), password=False)

    def getpass(self, prompt="", stream=None, **_):
        """``getpass.getpass()``, as ipykernel has it: nothing is asked in particular unless there is a prompt. ``stream`` has no meaning here."""
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
        if value == "\x04":  # Ctrl-D, as ipykernel takes it
            raise EOFError
        return value


def _nobody(kernel):
    return "whoever runs this cell does not answer prompts" if kernel.running else "no cell runs that could ask"

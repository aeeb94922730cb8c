"""``input()`` and ``getpass()``: a request to whoever watches the notebook, and the wait for the answer."""

import itertools
import os
import warnings

from . import bounds

_numbers = itertools.count(1)


class StdinNotImplementedError(NotImplementedError):
    """The cell was sent by a caller that answers no prompts. Same name as IPython's."""


try:
    from IPython.core.error import StdinNotImplementedError
except ImportError:
    pass


class Prompts:
    """Replaces ``builtins.input`` and ``getpass.getpass`` of a kernel."""

    def __init__(self, kernel):
        self._kernel = kernel
        self.allowed = False

    def input(self, prompt="", /):
        """``input()``; raises StdinNotImplementedError where nobody answers, KeyboardInterrupt on interrupt."""
        return self._ask(str(prompt), password=False)

    def getpass(self, prompt="Password: ", stream=None, **_):
        """``getpass.getpass()``; ``stream`` has no meaning here."""
        if stream is not None:
            warnings.warn("The `stream` parameter of `getpass.getpass` has no effect in a notebook", UserWarning, stacklevel=2)
        return self._ask(str(prompt), password=True)

    def new_request(self):
        """An id that no other request of this kernel has."""
        return "%d-%d" % (os.getpid(), next(_numbers))

    def _ask(self, prompt, password):
        kernel = self._kernel
        if not self.allowed:
            raise StdinNotImplementedError("input was requested, but whoever runs this cell does not answer prompts.")
        request = self.new_request()
        prompt = bounds.shortened(prompt, bounds.PROMPT_CHARS)
        kernel.channel.send("input_request", {"prompt": prompt, "password": password, "request": request}, kernel.running)
        try:
            return self._answer(request)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted by user") from None

    def _answer(self, request):
        kernel = self._kernel
        while True:
            message = kernel.channel.receive(wait=True)
            if message["msg_type"] == "input_reply" and message["content"].get("request") == request:
                value = message["content"]["value"]
                if value == "\x04":  # Ctrl-D, as ipykernel takes it
                    raise EOFError
                return value
            kernel.defer(message)

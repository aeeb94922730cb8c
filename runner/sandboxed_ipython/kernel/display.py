"""IPython's display machinery turned into messages."""

import base64

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher


def as_json(bundle):
    """A mime bundle whose values JSON can hold: bytes become base64, as nbformat stores them."""
    return {
        mime: base64.b64encode(value).decode("ascii") if isinstance(value, (bytes, bytearray, memoryview)) else value
        for mime, value in bundle.items()
    }


class CellDisplayPublisher(DisplayPublisher):
    """``display``, ``update_display``, ``clear_output``."""

    kernel = None

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_):
        """Sends ``display_data`` or ``update_display_data``; ``data`` is a mime bundle, ``transient`` holds ``display_id``."""
        self._validate_data(data, metadata)
        content = {"data": as_json(data), "metadata": metadata or {}, "transient": transient or {}}
        self.kernel.send("update_display_data" if update else "display_data", content)

    def clear_output(self, wait=False):
        self.kernel.send("clear_output", {"wait": bool(wait)})


class CellDisplayHook(DisplayHook):
    """The value of a cell's last expression, as ``execute_result``."""

    kernel = None
    _content = None

    def start_displayhook(self):
        self._content = {"data": {}, "metadata": {}, "transient": {}}

    def write_output_prompt(self):
        self._content["execution_count"] = self.prompt_count

    def write_format_data(self, format_dict, md_dict=None):
        self._content["data"] = as_json(format_dict)
        self._content["metadata"] = md_dict or {}

    def finish_displayhook(self):
        content, self._content = self._content, None
        if content and content["data"]:
            self.kernel.send("execute_result", content)

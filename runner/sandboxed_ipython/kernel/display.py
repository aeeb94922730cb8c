"""IPython's displays and results as messages."""

import threading

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from traitlets import Bool


class Hooks:
    """Functions that a cell registers to see, change or drop a message before it is sent. Each thread has its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._local = threading.local()

    def register_hook(self, hook):
        """Registers a hook. ``hook(message)`` returns the message to send, or None to send nothing."""
        self._registered().append(hook)

    def unregister_hook(self, hook):
        """Removes a hook. Returns False if it was not registered."""
        registered = self._registered()
        if hook not in registered:
            return False
        registered.remove(hook)
        return True

    def send(self, msg_type, content):
        """Passes a message through the hooks and sends it."""
        registered = self._registered()
        if registered:
            message = {
                "header": {"msg_type": msg_type},
                "msg_type": msg_type,
                "parent_header": {},
                "metadata": {},
                "content": content,
            }
            for hook in registered:
                message = hook(message)
                if message is None:
                    return
            content = message["content"]
        self.kernel.send(msg_type, content)

    def _registered(self):
        if not hasattr(self._local, "hooks"):
            self._local.hooks = []
        return self._local.hooks


class ZMQDisplayPublisher(Hooks, DisplayPublisher):
    """Publishes ``display``, ``update_display`` and ``clear_output``. The name is ipykernel's, because ``%config``
    shows it.
    """

    kernel = None
    store_display_history = Bool(False, help="Whether what is displayed becomes part of the history of outputs.").tag(
        config=True
    )

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_):
        """Sends ``display_data`` or ``update_display_data``. ``data`` is a mime bundle; ``transient`` holds
        ``display_id``.
        """
        content = {"data": data, "metadata": metadata or {}, "transient": transient or {}}
        self.send("update_display_data" if update else "display_data", content)

    def clear_output(self, wait=False):
        """Sends ``clear_output``."""
        self.send("clear_output", {"wait": bool(wait)})


class CellDisplayHook(Hooks, DisplayHook):
    """Sends the value of a cell's last expression as ``execute_result``."""

    kernel = None
    _content = None

    @property
    def is_showing(self):
        """Whether a result is being formatted."""
        return self._content is not None

    def start_displayhook(self):
        self._content = {"data": {}, "metadata": {}, "transient": {}}

    def write_output_prompt(self):
        self._content["execution_count"] = self.prompt_count

    def write_format_data(self, format_dict, md_dict=None):
        self._content["data"] = format_dict
        self._content["metadata"] = md_dict or {}

    def finish_displayhook(self):
        content, self._content = self._content, None
        if content and content["data"]:
            self.send("execute_result", content)

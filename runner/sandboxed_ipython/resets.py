"""The resets that wait for a fresh kernel."""


class Resets:
    """``reply(content, msg_id)`` answers one."""

    def __init__(self, reply):
        self._reply = reply
        self._waiting = []

    def begin(self, msg_id):
        """A fresh kernel was asked for by the reset_request ``msg_id``."""
        self._waiting.append(msg_id)

    def end(self, status):
        """It is there (``ok``), or none can be had (``error``): all that wait are told."""
        waiting, self._waiting = self._waiting, []
        for msg_id in waiting:
            self._reply({"status": status}, msg_id)

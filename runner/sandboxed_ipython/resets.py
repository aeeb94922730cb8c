"""The reset requests that wait for a fresh kernel."""


class Resets:
    """``reply(content, msg_id)`` answers the reset_request ``msg_id``."""

    def __init__(self, reply):
        self._reply = reply
        self._waiting = []

    def begin(self, msg_id: str) -> None:
        """Notes that the reset_request ``msg_id`` waits for a fresh kernel."""
        self._waiting.append(msg_id)

    def end(self, status: str) -> None:
        """Answers all waiting requests: with ``ok`` if the kernel is there, with ``error`` if no kernel can be started."""
        waiting, self._waiting = self._waiting, []
        for msg_id in waiting:
            self._reply({"status": status}, msg_id)

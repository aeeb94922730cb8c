"""Long messages of a kernel, which come in pieces."""

from . import packets, wire
from .outputs import CHANNELS

#: What the supervisor itself has to read, and so puts together; the rest is logged in pieces.
_READ_HERE = frozenset(("execute_input", "execute_reply", "input_request", "install_request", "update_display_data")) | wire.COMM_KINDS


class Pieces:
    """``outputs`` shows the pieces that are not put together."""

    def __init__(self, outputs):
        self._outputs = outputs
        self._joiner = packets.Joiner(wire.MAX_COMMAND_BYTES)

    def take(self, piece):
        """The whole message, once its last piece is here and the supervisor reads it; else None."""
        kind, size = piece.about["msg_type"], piece.about["size"]
        if kind in CHANNELS and (kind not in _READ_HERE or (kind == "update_display_data" and size > self._outputs.budgets.limit)):
            self._outputs.show_piece(piece)
            return None
        if kind in wire.COMM_KINDS and size > wire.MAX_COMM_BYTES:
            return None  # an honest kernel has refused to send it
        message = self._joiner.add(piece)
        return message if isinstance(message, dict) else None

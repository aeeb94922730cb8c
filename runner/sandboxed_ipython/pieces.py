"""Long messages of a kernel, which come in pieces."""

from . import packets, wire
from .outputs import CHANNELS
from .questions import ANSWERS

#: What the supervisor itself has to read, and so puts together, and how long it may be as JSON; what else is shown is logged in pieces.
_READ_HERE = dict(
    dict.fromkeys(wire.COMM_KINDS, wire.MAX_COMM_BYTES),
    execute_input=wire.MAX_EVENT_BYTES,
    execute_reply=wire.MAX_REPLY_BYTES,
    input_request=1 << 20,
    install_request=1 << 20,
    update_display_data=wire.MAX_EVENT_BYTES,
)
#: Of all else that the supervisor reads, and of answers to questions.
_MAX_OTHER, _MAX_ANSWER = 1 << 20, wire.MAX_REPLY_BYTES


class Pieces:
    """``outputs`` shows the pieces that are not put together."""

    def __init__(self, outputs):
        self._outputs = outputs
        self._joiner = packets.Joiner(wire.MAX_EVENT_BYTES)

    def take(self, piece):
        """The whole message, once its last piece is here and the supervisor reads it; else None.

        In place of a reply, or of an answer, that is too long comes a ``too_long`` with its parent: somebody waits for it.
        """
        kind, size = piece.about["msg_type"], piece.about["size"]
        if kind in CHANNELS and (
            kind not in _READ_HERE or (kind == "update_display_data" and size > self._outputs.budgets.limit)
        ):
            self._outputs.show_piece(piece)
            return None
        limit = _READ_HERE.get(kind, _MAX_ANSWER if kind in ANSWERS else _MAX_OTHER)
        if size > limit or packets.PIECE_CHARS * piece.about["i"] > limit:
            is_missed = piece.about.get("last") and (kind == "execute_reply" or kind in ANSWERS)
            return dict(piece.about, msg_type="too_long", content={"of": kind}) if is_missed else None
        message = self._joiner.add(piece)
        return message if isinstance(message, dict) else None

"""Decides what happens to long messages of a kernel, which arrive in pieces."""

from . import packets, wire
from .outputs import CHANNELS
from .questions import ANSWERS

#: Messages that the supervisor itself has to read and therefore joins, and the bytes of JSON that they may have. Other
#: messages are logged in pieces.
_MAX_JOINED_BYTES = dict(
    dict.fromkeys(wire.COMM_KINDS, wire.MAX_COMM_BYTES),
    execute_input=wire.MAX_EVENT_BYTES,
    execute_reply=wire.MAX_REPLY_BYTES,
    input_request=1 << 20,
    install_request=1 << 20,
    update_display_data=wire.MAX_EVENT_BYTES,
)
#: The same for all other messages that the supervisor reads, and for answers to questions.
_MAX_OTHER_BYTES, _MAX_ANSWER_BYTES = 1 << 20, wire.MAX_REPLY_BYTES


class Pieces:
    """Joins the pieces of long messages, or passes them to ``outputs`` (an :class:`Outputs`), which logs them as they
    are.
    """

    def __init__(self, outputs):
        self._outputs = outputs
        self._joiner = packets.Joiner(wire.MAX_EVENT_BYTES)

    def take(self, piece) -> "dict | None":
        """Takes one piece. Returns the whole message if the supervisor has to read it and its last piece is here, else
        None.

        In place of a reply or an answer that is too long it returns a ``too_long`` message with the same parent,
        because somebody waits for it.
        """
        kind, size = piece.about["msg_type"], piece.about["size"]
        if kind in CHANNELS and (
            kind not in _MAX_JOINED_BYTES or (kind == "update_display_data" and size > self._outputs.budgets.limit)
        ):
            self._outputs.show_piece(piece)
            return None
        limit = _MAX_JOINED_BYTES.get(kind, _MAX_ANSWER_BYTES if kind in ANSWERS else _MAX_OTHER_BYTES)
        if size > limit or packets.PIECE_CHARS * piece.about["i"] > limit:
            is_missed = piece.about.get("last") and (kind == "execute_reply" or kind in ANSWERS)
            return dict(piece.about, msg_type="too_long", content={"of": kind}) if is_missed else None
        message = self._joiner.add(piece)
        return message if isinstance(message, dict) else None

"""Remembers the accepted commands, so that each command is obeyed once and its sender can get the outcome again."""

import json
from collections import OrderedDict

from . import wire

#: A host resends a command within seconds, and sends fewer commands than this meanwhile.
_MAX_REMEMBERED = 20_000
#: Characters of an error's name and of its text that are remembered. A cell can choose both.
_MAX_TEXT_CHARS = 200


class Accepted:
    """One accepted command: its type, and its reply (a short event, as JSON), or None while there is no reply."""

    __slots__ = ("kind", "reply")

    def __init__(self, kind):
        self.kind = kind
        self.reply = None


class AcceptedCommands:
    """The accepted commands by ``msg_id``. The oldest ones are forgotten."""

    def __init__(self):
        self._commands = OrderedDict()

    def knows(self, msg_id: str) -> bool:
        """Returns whether the command ``msg_id`` was accepted."""
        return msg_id in self._commands

    def kind_of(self, msg_id: str) -> str:
        """Returns the ``msg_type`` of an accepted command."""
        return self._commands[msg_id].kind

    def reply_to(self, msg_id: str) -> "dict | None":
        """Returns the reply to an accepted command, as an event that has no number in the log, or None while there is
        no reply.
        """
        reply = self._commands[msg_id].reply
        return None if reply is None else json.loads(reply)

    def add(self, msg_id: str, kind: str) -> bool:
        """Remembers a command. Returns False if it was accepted before."""
        if msg_id in self._commands:
            return False
        self._commands[msg_id] = Accepted(kind)
        if len(self._commands) > _MAX_REMEMBERED:
            self._commands.popitem(last=False)
        return True

    def finished(self, event: dict) -> None:
        """Remembers ``event`` as the reply to the command in its parent header, without the fields that may be long."""
        known = self._commands.get(event["parent_header"]["msg_id"])
        if known is not None:
            known.reply = wire.dumps(dict(event, content=_short(event["content"]), seq=0))


def _short(content):
    if "traceback" not in content:
        return content
    return dict(
        content,
        traceback=[],
        payload=[],
        user_expressions={},
        ename=content["ename"][:_MAX_TEXT_CHARS],
        evalue=content["evalue"][:_MAX_TEXT_CHARS],
    )

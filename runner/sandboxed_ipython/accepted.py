"""What is remembered of the commands that were accepted, so that each is obeyed once and its sender can be told again."""

import json
from collections import OrderedDict

from . import wire

#: A host resends within seconds, not within this many commands.
_REMEMBERED = 20_000
#: Characters of an error's name and text that are remembered: they may be a cell's own.
_MAX_TEXT = 200


class Accepted:
    """One command: its type, and the last word on it (a short event, as JSON) or None."""

    __slots__ = ("kind", "reply")

    def __init__(self, kind):
        self.kind = kind
        self.reply = None


class AcceptedCommands:
    """By ``msg_id``; the oldest are forgotten."""

    def __init__(self):
        self._commands = OrderedDict()

    def knows(self, msg_id):
        return msg_id in self._commands

    def kind_of(self, msg_id):
        return self._commands[msg_id].kind

    def reply_to(self, msg_id):
        """The last word on a command, as an event without a place in the log; None while there is none."""
        reply = self._commands[msg_id].reply
        return None if reply is None else json.loads(reply)

    def add(self, msg_id, kind):
        """False: it was accepted before."""
        if msg_id in self._commands:
            return False
        self._commands[msg_id] = Accepted(kind)
        if len(self._commands) > _REMEMBERED:
            self._commands.popitem(last=False)
        return True

    def finished(self, event):
        """Remembers the last word on a command, without what may be long."""
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
        ename=content["ename"][:_MAX_TEXT],
        evalue=content["evalue"][:_MAX_TEXT],
    )

"""What is remembered of the commands that were accepted, so that each is obeyed once and its sender can be told again."""

from collections import OrderedDict

from . import wire

#: A host resends within seconds, not within this many commands.
_REMEMBERED = 20_000


class Accepted:
    """One command: its type, whether its file is still to be picked up, the last word on it."""

    __slots__ = ("kind", "queued", "reply")

    def __init__(self, kind):
        self.kind = kind
        self.queued = kind in wire.QUEUED
        self.reply = None


class AcceptedCommands:
    """By ``msg_id``; the oldest are forgotten."""

    def __init__(self):
        self._commands = OrderedDict()

    def get(self, msg_id):
        return self._commands.get(msg_id)

    def add(self, msg_id, kind):
        """False: it was accepted before."""
        if msg_id in self._commands:
            return False
        self._commands[msg_id] = Accepted(kind)
        if len(self._commands) > _REMEMBERED:
            self._commands.popitem(last=False)
        return True

    def taken(self, msg_id):
        """Its file has been picked up, or it has none. False: it had been before, or the id is unknown."""
        known = self._commands.get(msg_id)
        queued = known is not None and known.queued
        if queued:
            known.queued = False
        return queued

    def finished(self, event):
        """Remembers the last word on a command, without what may be long."""
        known = self._commands.get(event["parent_header"]["msg_id"])
        if known is not None:
            content = event["content"]
            known.reply = dict(event, content=dict(content, traceback=[], payload=[]) if "traceback" in content else content)

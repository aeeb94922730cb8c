"""A host's long command arrives in pieces, so that no line of a stream is long; here they are put together again."""

from . import wire


class CommandChunks:
    """Of one stream, whose host writes one command after the other: a series that another begins before its end is over."""

    def __init__(self):
        self._forget()

    def add(self, content, msg_id):
        """The command's line once its last piece is there, else None. Raises BadCommand, and forgets the series."""
        if content["i"] == 0:
            self._forget()
            self._id = content["id"]
        if content["id"] != self._id or content["i"] != len(self._texts):
            self._forget()
            raise wire.BadCommand("a piece of a command is missing", msg_id)
        self._size += len(content["data"])
        if self._size > wire.MAX_COMMAND_BYTES:
            self._forget()
            raise wire.BadCommand("a command over the limit", msg_id)
        self._texts.append(content["data"])
        if not content["last"]:
            return None
        text = "".join(self._texts)
        self._forget()
        return text.encode("utf-8", "surrogatepass")

    def _forget(self):
        self._id = ""
        self._texts = []
        self._size = 0

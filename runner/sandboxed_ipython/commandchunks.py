"""Joins the pieces of a host's long command. A host splits long commands so that no line of the stream is long."""

from . import wire


class CommandChunks:
    """The open series of pieces of one stream. A host writes one command after the other, so a new series replaces an
    unfinished one.
    """

    def __init__(self):
        self._forget()

    def add(self, content: dict, msg_id: str) -> "bytes | None":
        """Adds one piece. Returns the command's line (bytes) when the last piece is there, else None.

        Args:
            content: the content of a ``chunk`` command.
            msg_id: its id, for the error.

        Raises BadCommand, and forgets the series, if a piece is missing or the command is too long.
        """
        if content["i"] == 0:
            self._forget()
            self._id = content["id"]
        if content["id"] != self._id or content["i"] != len(self._texts):
            self._forget()
            raise wire.BadCommand("a piece of a command is missing", msg_id)
        self._size += len(content["data"])
        if self._size > wire.MAX_COMMAND_BYTES:
            self._forget()
            raise wire.BadCommand("the command is too long", msg_id)
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

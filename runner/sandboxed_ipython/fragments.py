"""Splits long events, and joins long commands, so that no line of a host's stream is long. ``packets.py`` does the same
for the pair of a kernel.
"""

from . import wire

#: A message whose JSON has more bytes travels in pieces. ``CHUNK_BYTES`` on the host is the same bound.
CHUNK_BYTES = 128 * 1024
#: Bytes of JSON that a stream's text may have to fit into one line with everything around it. There a character takes
#: at most six bytes.
_MAX_TEXT_JSON_BYTES = CHUNK_BYTES - 4096
_MAX_CHARACTER_BYTES = 6


def lines(event: dict, series: str) -> list[bytes]:
    """Returns an event (without its ``seq``) as lines (bytes): one line, or several ``chunk`` events if it is long.
    ``series`` is the id of these chunks.
    """
    return lines_of(
        event,
        wire.dumps(
            {name: event[name] for name in ("channel", "msg_type", "parent_header", "content", "metadata", "buffers")}
        ),
        series,
    )


def lines_of(envelope: dict, inner: bytes, series: str) -> list[bytes]:
    """Returns the lines of an event that is already encoded.

    Args:
        envelope: the event's kernel, gen and t; if it is long, also its channel and parent.
        inner: the other members, encoded as one JSON object.
        series: the id of the chunks.
    """
    head = b'{"kernel":%s,"gen":%d,"t":%r}' % (wire.dumps(envelope["kernel"]), envelope["gen"], envelope["t"])
    if len(head) + len(inner) <= CHUNK_BYTES:
        return [head[:-1] + b"," + inner[1:]]
    text = inner.decode("utf-8")
    starts = range(0, len(text), CHUNK_BYTES // 2)
    return [
        wire.dumps(chunk(envelope, series, index, at == starts[-1], text[at : at + CHUNK_BYTES // 2]))
        for index, at in enumerate(starts)
    ]


def parts_of_text(text: str) -> list[str]:
    """Splits a stream's text into parts (``str``) whose events are one line each.

    In the pieces of a longer event its JSON would be escaped once more: 10 MB of NUL would then take 73 MB of the log
    instead of 63.
    """
    characters = _MAX_TEXT_JSON_BYTES // _MAX_CHARACTER_BYTES
    if len(text) <= characters or len(wire.dumps(text)) <= _MAX_TEXT_JSON_BYTES:
        return [text] if text else []
    return [text[at : at + characters] for at in range(0, len(text), characters)]


def chunk(envelope: dict, series: str, index: int, last: bool, text: str) -> dict:
    """Returns one piece of a long message as a ``chunk`` event.

    Args:
        envelope: an event with the kernel, gen, t, channel and parent of the message.
        series: the id of the series.
        index, last: the number of the piece, and whether it is the last one.
        text: the piece's text.
    """
    return dict(
        envelope,
        msg_type="chunk",
        content={"id": series, "i": index, "last": last, "data": text},
        metadata={},
        buffers=[],
    )


class CommandChunks:
    """Joins the pieces of a host's long command: the open series of one stream. A host writes one command after the other, so a new series replaces an
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

"""Messages over the ``SOCK_SEQPACKET`` pair between the supervisor and a kernel.

A packet is one of these:

- the JSON of a whole message
- ``C``, one line of JSON that describes a piece, and the piece's text, for a message that is too long for one packet
- ``D``, from the kernel: it asks the supervisor to read its pipes, and waits until they are empty.
"""

import base64
import collections.abc
import datetime
import json
import numbers
import sys

from . import wire

DRAIN = b"D"
#: Characters of one piece, and bytes of the longest packet. A packet must fit into the socket's send buffer (about 208
#: KB by default) beside everything else in it.
PIECE_CHARS = 32 * 1024
PACKET_BYTES = 256 * 1024


class Unsendable(Exception):
    """Raised if a message holds a value that JSON cannot express."""


def jsonable(value):
    """Returns a value that JSON does not know in the form that a Jupyter kernel sends. Raises Unsendable."""
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo else value.astimezone()).isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, collections.abc.Iterable):
        return list(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise Unsendable("a value of type %s, which JSON cannot express" % type(value).__qualname__)


_encoder = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False, default=jsonable)


def encode(value) -> str:
    """Returns the JSON of a value as ASCII text, so that characters are bytes and a cut falls between characters.
    Raises Unsendable or RecursionError.
    """
    return wire.encode(_encoder, value)


def split(message: dict, series: str) -> list[bytes]:
    """Returns the packets of one message. ``series`` is the id of the series if the message needs several packets.
    Raises as :func:`encode` does.
    """
    text = encode(message)
    if len(text) <= PIECE_CHARS:
        return [text.encode("ascii")]
    head = {
        "id": series,
        "size": len(text),
        "msg_type": message["msg_type"],
        "parent_header": message.get("parent_header") or {},
    }
    starts = range(0, len(text), PIECE_CHARS)
    return [
        _piece(dict(head, i=index, last=index == len(starts) - 1), text[at : at + PIECE_CHARS])
        for index, at in enumerate(starts)
    ]


def announcement(msg_type: str, size: int, parent: str, series: str) -> bytes:
    """Returns a packet that only reports the size of a message, for a message that is too long for anybody to take."""
    return _piece(
        {"id": series, "size": size, "msg_type": msg_type, "parent_header": {"msg_id": parent}, "i": 0, "last": True},
        "",
    )


def _piece(about, text):
    return b"C" + _encoder.encode(about).encode("ascii") + b"\n" + text.encode("ascii")


class Piece:
    """One packet of a long message. ``about`` (dict) has id, i, last, size, msg_type and parent_header."""

    __slots__ = ("about", "text")

    def __init__(self, about, text):
        self.about = about
        self.text = text


def parse(packet):
    """Parses one packet.

    Returns one of: a message (dict), which is shallow enough to be encoded again anywhere; a :class:`Piece`;
    :data:`DRAIN`; None if the packet is invalid.
    """
    if packet[:1] == b"{":
        body = packet
    elif packet[:1] == b"C":
        body, _, text = packet[1:].partition(b"\n")
    elif packet == DRAIN:
        return DRAIN
    else:
        return None
    try:
        value = wire.loads(body)
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("msg_type"), str) or not _parent(value):
        return None
    if packet[:1] == b"{":
        return value
    if not (
        isinstance(value.get("id"), str)
        and wire.MESSAGE_ID.match(value["id"])
        and type(value.get("i")) is int
        and type(value.get("size")) is int
    ):
        return None
    return Piece(value, text.decode("utf-8", "replace"))


def _parent(value):
    parent = value.setdefault("parent_header", {})
    return isinstance(parent, dict) and isinstance(parent.setdefault("msg_id", ""), str) and len(parent["msg_id"]) <= 64


#: Number of series that may be open at once: threads and forked children share the pair.
_MAX_SERIES = 16


class Joiner:
    """Joins pieces. At most ``limit`` bytes are kept: the oldest open series are dropped first, because a series that
    never ends is of no use.
    """

    def __init__(self, limit):
        self._limit = limit
        self._open = {}  # id → texts; the ids are in the order of their first pieces
        self._size = 0  # bytes of memory

    def add(self, piece):
        """Adds a piece. Returns the whole message when its last piece is there, else None."""
        name, index = piece.about["id"], piece.about["i"]
        if index == 0:
            self._close(name)
            self._open[name] = []
        texts = self._open.get(name)
        if texts is None:
            return None
        if index != len(texts):
            self._close(name)
            return None
        texts.append(piece.text)
        self._size += sys.getsizeof(piece.text)
        while self._size > self._limit or len(self._open) > _MAX_SERIES:
            self._close(next(iter(self._open)))
        if not piece.about.get("last") or name not in self._open:
            return None
        data = "".join(texts).encode("utf-8")
        self._close(name)
        return parse(data)

    def _close(self, name):
        self._size -= sum(map(sys.getsizeof, self._open.pop(name, ())))

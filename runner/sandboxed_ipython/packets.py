"""Messages over the ``SOCK_SEQPACKET`` pair between the supervisor and a kernel.

A packet is one of: JSON of a whole message; ``C`` + a line of JSON about a piece + the piece's text, for a message that
is too long for a packet; ``D``, from the kernel: "read my pipes now, I wait until they are empty".
"""

import base64
import collections.abc
import datetime
import json
import numbers
import sys

from . import wire

DRAIN = b"D"
#: A packet must fit the socket's send buffer (about 208 KB by default) whatever else is in it.
PIECE_CHARS = 32 * 1024
PACKET_BYTES = 256 * 1024


class Unsendable(Exception):
    """A message holds what JSON has no form for."""


def jsonable(value):
    """What a Jupyter kernel makes of a value that JSON does not know. Raises Unsendable."""
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
    raise Unsendable("a value of type %s, for which JSON has no form" % type(value).__qualname__)


_encoder = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False, default=jsonable)


def encode(value):
    """ASCII, so that characters are bytes and a cut falls between characters. Raises Unsendable, or RecursionError."""
    return wire.encode(_encoder, value)


def split(message, series):
    """The packets of one message; ``series`` names it should it need several."""
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


def announcement(msg_type, size, parent, series):
    """The packet that says of a message how long it is, in place of the message: nobody would take one of that length."""
    return _piece(
        {"id": series, "size": size, "msg_type": msg_type, "parent_header": {"msg_id": parent}, "i": 0, "last": True},
        "",
    )


def _piece(about, text):
    return b"C" + _encoder.encode(about).encode("ascii") + b"\n" + text.encode("ascii")


class Piece:
    """One packet of a long message: ``about`` has id, i, last, size, msg_type and parent_header."""

    __slots__ = ("about", "text")

    def __init__(self, about, text):
        self.about = about
        self.text = text


def parse(packet):
    """A message (dict) that can be encoded again wherever we stand then, a :class:`Piece`, :data:`DRAIN`, or None for what makes no sense."""
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


#: Series that may be open at once: threads, and forked children, share the pair.
_MAX_SERIES = 16


class Joiner:
    """Puts pieces together again, bounded: the oldest open series make room, as one that never ends is of no use to anybody."""

    def __init__(self, limit):
        self._limit = limit
        self._open = {}  # id → texts, in order of their first piece
        self._size = 0  # bytes of memory

    def add(self, piece):
        """The whole message once its last piece is there, else None."""
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

"""Commands and events as JSON, and the checks on what comes in. ``src/protocol/README.md`` has a line of each type."""

import json
import math
import re

#: A message whose JSON is longer travels in pieces; the same bound as ``CHUNK_BYTES`` on the host.
CHUNK_BYTES = 128 * 1024
#: JSON of a stream's text that fits into one line, with what is around it. A character takes six bytes there at most.
_TEXT_BYTES = CHUNK_BYTES - 4096
_MAX_CHARACTER_BYTES = 6
#: No command of a host is longer; the same as on the host.
MAX_COMMAND_BYTES = 16 * 1024 * 1024
#: A file that something else than the supervisor puts into the queue, in bytes.
MAX_DROPPED_BYTES = 1024 * 1024
#: No event of a kernel is longer.
MAX_EVENT_BYTES = 64 * 1024 * 1024
#: A reply of a kernel, or an answer to a question, as JSON.
MAX_REPLY_BYTES = 8 * 1024 * 1024
#: A comm's message, either way, as JSON.
MAX_COMM_BYTES = 16 * 1024 * 1024
#: Types of a comm's messages, either way.
COMM_KINDS = frozenset(("comm_open", "comm_msg", "comm_close"))
#: What runs in order, one at a time, and comes by the queue.
QUEUED = COMM_KINDS | {"execute_request"}
#: Names and ids that a cell makes up.
_MAX_NAME = 256
#: Characters of a folder's path.
_MAX_PLACE = 2048
#: A host reads nothing that is nested deeper.
_MAX_DEPTH = 200
_MAX_BUFFERS = 10_000

#: Of a command's metadata in the log.
_MAX_METADATA_BYTES = 4096
_SURROGATES = re.compile("[\ud800-\udfff]")
MESSAGE_ID = re.compile(r"[\w-]{1,64}\Z", re.ASCII)

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z", re.ASCII)

#: Bytes of memory that the values of one text may take, and what each object or array, and each of their members, takes at most.
_MAX_VALUE_BYTES = 192 * 1024 * 1024
_CONTAINER_BYTES, _MEMBER_BYTES = 240, 32
#: Levels of nesting that a text may have at all: what a host reads, and what is around it.
_MAX_TEXT_DEPTH = 250
#: Digits of a whole number; older Pythons take time in the square of them.
_MAX_DIGITS = 1000

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False)


class BadCommand(Exception):
    """A command that cannot be obeyed: ``reason``, and the ``msg_id`` if that much could be read."""

    def __init__(self, reason, msg_id=""):
        super().__init__(reason)
        self.reason = reason
        self.msg_id = msg_id


def dumps(value):
    """Compact UTF-8; lone surrogates (legal in Python, not in UTF-8) become U+FFFD."""
    return utf8(encode(_encoder, value))


def utf8(text):
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode("utf-8")


def short_metadata(metadata):
    """A command's own metadata as it goes into the log, or nothing of it if that is long."""
    return metadata if len(dumps(metadata)) <= _MAX_METADATA_BYTES else {}


def lines(event, series):
    """An event (without its ``seq``) as lines: one, or several ``chunk`` events of the series if it is long."""
    return lines_of(
        event,
        dumps(
            {name: event[name] for name in ("channel", "msg_type", "parent_header", "content", "metadata", "buffers")}
        ),
        series,
    )


def lines_of(envelope, inner, series):
    """The same of an event whose members but kernel, gen and t are encoded already, as the object ``inner``."""
    head = b'{"kernel":%s,"gen":%d,"t":%r}' % (dumps(envelope["kernel"]), envelope["gen"], envelope["t"])
    if len(head) + len(inner) <= CHUNK_BYTES:
        return [head[:-1] + b"," + inner[1:]]
    text = inner.decode("utf-8")
    starts = range(0, len(text), CHUNK_BYTES // 2)
    return [
        dumps(chunk(envelope, series, index, at == starts[-1], text[at : at + CHUNK_BYTES // 2]))
        for index, at in enumerate(starts)
    ]


def parts_of_text(text):
    """A stream's text in parts (``str``) whose events are one line each.

    In the pieces of a longer event its JSON is escaped once more: 10 MB of NUL would take 73 MB of the log then, instead of 63.
    """
    characters = _TEXT_BYTES // _MAX_CHARACTER_BYTES
    if len(text) <= characters or len(dumps(text)) <= _TEXT_BYTES:
        return [text] if text else []
    return [text[at : at + characters] for at in range(0, len(text), characters)]


def chunk(envelope, series, index, last, text):
    """One piece of a long message; ``envelope`` gives kernel, gen, t, channel and parent."""
    return dict(
        envelope,
        msg_type="chunk",
        content={"id": series, "i": index, "last": last, "data": text},
        metadata={},
        buffers=[],
    )


def numbered(seq, line):
    """A line of the log."""
    return b'{"seq":%d,%s\n' % (seq, line[1:])


def encode(encoder, value):
    """JSON has no NaN and no Infinity, and names are text; all else becomes text, as Jupyter sends it."""
    try:
        return encoder.encode(value)
    except (TypeError, ValueError):
        return encoder.encode(_plain(value, encoder.default))


def _plain(value, default):
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _key(key): _plain(one, default) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, default) for one in value]
    return _plain(default(value), default)


def _key(key):
    """As JSON writes a key that is no text; others as ``str`` does."""
    return json.dumps(key) if key is None or isinstance(key, (bool, int)) else str(key)


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12


def _number_or_none(value):
    return value is None or _number(value)


def _name(value):
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME


def is_data(value):
    """Whether it may be the data of a comm's message."""
    return isinstance(value, dict) and _is_shallow(value, _MAX_DEPTH)


def is_comm(value):
    """Whether it may be the content of a comm's message."""
    return _name(value.get("comm_id")) and is_data(value.get("data", {}))


def _is_place(value):
    """Whether it is a folder below the sandbox's home, and none of those that are the sandbox's own; "" is none."""
    if (
        not isinstance(value, str)
        or len(value) > _MAX_PLACE
        or "\0" in value
        or value.startswith(".")
        or _SURROGATES.search(value)
    ):
        return False
    return not value or not any(part in ("", ".", "..") for part in value.split("/"))


_TEXT, _FLAG = (lambda value: isinstance(value, str)), (lambda value: isinstance(value, bool))
_COMM = {"comm_id": (_name, ...), "data": (is_data, {}), "timeout": (_number, 0)}

#: Of a request to install, however it comes.
_MAX_WORDS, _MAX_WORD = 500, 1000


def _words(value):
    return (
        isinstance(value, list)
        and len(value) <= _MAX_WORDS
        and all(isinstance(word, str) and len(word) <= _MAX_WORD for word in value)
    )


#: type → (channel, {field of content: (check, default)}); a field without default (``...``) must be there.
COMMANDS = {
    "execute_request": (
        "shell",
        {
            "code": (_TEXT, ...),
            "silent": (_FLAG, False),
            "store_history": (_FLAG, True),
            "allow_stdin": (_FLAG, False),
            "stop_on_error": (_FLAG, True),
            "timeout": (_number, 0),
            "folder": (_is_place, ""),
            "project": (_is_place, ""),
        },
    ),
    "comm_open": ("shell", dict(_COMM, target_name=(_name, ...))),
    "comm_msg": ("shell", _COMM),
    "comm_close": ("shell", _COMM),
    "complete_request": ("shell", {"code": (_TEXT, ...), "cursor_pos": (_number, ...)}),
    "inspect_request": ("shell", {"code": (_TEXT, ...), "cursor_pos": (_number, ...), "detail_level": (_number, 0)}),
    "input_reply": ("stdin", {"value": (_TEXT, ...), "request": (_TEXT, ...)}),
    # of a process of the running cell, by the queue's folder alone
    "install_request": ("stdin", {"requirements": (_words, ...), "options": (_words, ...)}),
    "install_output": ("stdin", {"request": (_TEXT, ...), "text": (_TEXT, "")}),
    "install_reply": (
        "stdin",
        {"request": (_TEXT, ...), "status": (lambda value: value in ("ok", "error"), ...), "reason": (_TEXT, "")},
    ),
    "follow_request": (
        "control",
        {
            "after": (_number, 0),
            "boot": (_TEXT, ""),
            "writer": (_FLAG, False),
            "host": (_TEXT, ""),
            "take_over": (_FLAG, False),
        },
    ),
    "ping": ("control", {}),
    "interrupt_request": ("control", {"msg_id": (_TEXT, ...), "run": (_FLAG, True)}),
    "reset_request": (
        "control",
        {"files": (lambda value: value in ("keep", "clear"), "keep"), "history_size": (_number_or_none, None)},
    ),
    "shutdown_request": ("control", {}),
    # a piece of any other, whose own line would be long
    "chunk": ("control", {"id": (_name, ...), "i": (_number, ...), "last": (_FLAG, ...), "data": (_TEXT, ...)}),
}


def _members(value, name):
    member = value.get(name, {})
    if not isinstance(member, dict):
        raise BadCommand("%s is not an object" % name)
    return member


def _buffers(command, msg_id):
    """The binary parts of a comm's message, in base64."""
    buffers = command.get("buffers", [])
    if not isinstance(buffers, list) or len(buffers) > _MAX_BUFFERS or not all(_is_base64(one) for one in buffers):
        raise BadCommand("buffers are no base64", msg_id)
    return buffers


def _is_base64(value):
    return isinstance(value, str) and len(value) % 4 == 0 and _BASE64.match(value) is not None


def is_id(value):
    """Whether a host takes it for the id of a message or of a request."""
    return isinstance(value, str) and MESSAGE_ID.match(value) is not None


def _is_shallow(value, limit=100):
    """Whether it can be encoded again, with more around it and wherever we stand then."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for one in level
            if isinstance(one, (dict, list))
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return True
    return False


def loads(data):
    """The value of a JSON text (bytes) that somebody else wrote, at a cost of memory and time that is linear in its length.

    Raises ValueError for what is no JSON (NaN and Infinity are none), for a nesting over 250 levels, and for more values than an
    honest message has.
    """
    opened, members = data.count(b"[") + data.count(b"{"), data.count(b",")
    if _CONTAINER_BYTES * opened + _MEMBER_BYTES * members > _MAX_VALUE_BYTES:
        opened, members = _outside_strings(data)
        if _CONTAINER_BYTES * opened + _MEMBER_BYTES * members > _MAX_VALUE_BYTES:
            raise ValueError("too many values")
    try:
        value = _decoder.decode(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if opened > _MAX_TEXT_DEPTH and not _is_shallow(value, _MAX_TEXT_DEPTH):
        raise ValueError("nested too deeply")
    return value


def _outside_strings(data):
    """How many objects and arrays, and how many commas, a JSON text has outside its strings."""
    data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    opened, commas, in_string = 0, 0, False
    for start in range(0, len(data), CHUNK_BYTES):  # so that the parts take little memory, however many there are
        parts = data[start : start + CHUNK_BYTES].split(b'"')
        for part in parts[1 if in_string else 0 :: 2]:
            opened += part.count(b"[") + part.count(b"{")
            commas += part.count(b",")
        in_string ^= len(parts) % 2 == 0
    return opened, commas


def _no_constant(name):
    raise ValueError("%s is no JSON" % name)


def _whole_number(digits):
    if len(digits) > _MAX_DIGITS:
        raise ValueError("a number of %d digits" % len(digits))
    return int(digits)


_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_int=_whole_number)


def is_json(data):
    try:
        loads(data)
    except ValueError:
        return False
    return True


def parse_command(data, default_id=""):
    """The command in ``data`` (bytes of one JSON object), complete with defaults.

    ``default_id`` is the ``msg_id`` of a command that names none. Raises BadCommand.
    """
    try:
        command = loads(data)
    except ValueError:
        raise BadCommand("not valid JSON", default_id) from None
    if not isinstance(command, dict):
        raise BadCommand("not a JSON object", default_id)
    header = command.get("header")
    header = header if isinstance(header, dict) else {}
    msg_id = header.get("msg_id", default_id)
    if not isinstance(msg_id, str) or not MESSAGE_ID.match(msg_id):
        raise BadCommand("header.msg_id does not match [A-Za-z0-9_-]{1,64}", default_id)
    msg_type = header.get("msg_type", "execute_request")
    if not isinstance(msg_type, str) or msg_type not in COMMANDS:
        raise BadCommand("unknown msg_type", msg_id)
    channel, fields = COMMANDS[msg_type]
    try:
        given = _members(command, "content")
        metadata = _members(command, "metadata")
    except BadCommand as error:
        raise BadCommand(error.reason, msg_id) from None
    if not _is_shallow(metadata):
        raise BadCommand("metadata is nested too deeply", msg_id)
    content = {}
    for name, (check, default) in fields.items():
        value = given.get(name, default)
        if value is ... or not check(value):
            raise BadCommand("content.%s is missing or wrong" % name, msg_id)
        content[name] = value
    kernel = command.get("kernel", "main")
    return {
        "header": {"msg_id": msg_id, "msg_type": msg_type},
        "kernel": kernel if isinstance(kernel, str) else "main",
        "channel": channel,
        "content": content,
        "metadata": metadata,
        "buffers": _buffers(command, msg_id) if msg_type in COMM_KINDS else [],
    }

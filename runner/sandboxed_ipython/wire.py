"""Commands and events as JSON, and the checks on incoming ones. ``src/protocol/README.md`` has an example line of each
type.
"""

import json
import math
import re

#: Bytes of the longest command of a host; the host has the same bound.
MAX_COMMAND_BYTES = 16 * 1024 * 1024
#: Bytes of the longest command file that is not the supervisor's own.
MAX_DROPPED_BYTES = 1024 * 1024
#: Bytes of the longest event of a kernel.
MAX_EVENT_BYTES = 64 * 1024 * 1024
#: Bytes of JSON of a kernel's reply, or of an answer to a question.
MAX_REPLY_BYTES = 8 * 1024 * 1024
#: Bytes of JSON of a comm message, in both directions.
MAX_COMM_BYTES = 16 * 1024 * 1024
#: Types of comm messages, in both directions.
COMM_KINDS = frozenset(("comm_open", "comm_msg", "comm_close"))
#: Types of commands that go through the queue and run in order, one at a time.
QUEUED = COMM_KINDS | {"execute_request"}
#: Characters of names and ids that a cell chooses.
_MAX_NAME_CHARS = 256
#: Characters of a folder's path.
_MAX_FOLDER_CHARS = 2048
#: Levels of nesting that a host reads.
_MAX_DEPTH = 200
_MAX_BUFFERS = 10_000

#: Bytes of a command's metadata in the log.
_MAX_METADATA_BYTES = 4096
_SURROGATES = re.compile("[\ud800-\udfff]")
MESSAGE_ID = re.compile(r"[\w-]{1,64}\Z", re.ASCII)

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z", re.ASCII)

#: Bytes of memory that the values of one JSON text may take; and the bytes that each object or array, and each of their
#: members, takes at most.
_MAX_VALUE_BYTES = 192 * 1024 * 1024
_CONTAINER_BYTES, _MEMBER_BYTES = 240, 32
#: Levels of nesting that a JSON text may have: those that a host reads, and the levels around them.
_MAX_JSON_DEPTH = 250
#: Bytes of a JSON text that are searched at a time, which bounds the memory of the search.
_SCAN_BYTES = 128 * 1024
#: Digits of an integer. Older Pythons need time that is quadratic in their number.
_MAX_DIGITS = 1000

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False)


class BadCommand(Exception):
    """A command that cannot be obeyed. ``reason`` says why; ``msg_id`` is its id, or "" if even that could not be read."""

    def __init__(self, reason, msg_id=""):
        super().__init__(reason)
        self.reason = reason
        self.msg_id = msg_id


def dumps(value) -> bytes:
    """Returns a value as compact JSON in UTF-8 (bytes). Lone surrogates (legal in Python, not in UTF-8) become U+FFFD."""
    return utf8(encode(_encoder, value))


def utf8(text: str) -> bytes:
    """Returns a text in UTF-8 (bytes). Lone surrogates become U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode("utf-8")


def short_metadata(metadata: dict) -> dict:
    """Returns a command's metadata as they go into the log: {} if they are long."""
    return metadata if len(dumps(metadata)) <= _MAX_METADATA_BYTES else {}


def numbered(seq: int, line: bytes) -> bytes:
    """Returns a line of the log (bytes): ``line``, as :func:`fragments.lines` returns it, with its number."""
    return b'{"seq":%d,%s\n' % (seq, line[1:])


def encode(encoder, value):
    """Returns a value as JSON text. JSON has no NaN and no Infinity, and its names are text, so other values become
    text, as Jupyter sends them.
    """
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
    """Returns a key that is no text as JSON writes it, or else as ``str`` does."""
    return json.dumps(key) if key is None or isinstance(key, (bool, int)) else str(key)


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12


def _number_or_none(value):
    return value is None or _number(value)


def _name(value):
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME_CHARS


def is_data(value) -> bool:
    """Returns whether a value may be the data of a comm message."""
    return isinstance(value, dict) and _is_shallow(value, _MAX_DEPTH)


def is_comm(value: dict) -> bool:
    """Returns whether a value (dict) may be the content of a comm message."""
    return _name(value.get("comm_id")) and is_data(value.get("data", {}))


def _is_folder(value):
    """Returns whether a value is the path of a folder below the sandbox's home, other than the sandbox's own folders,
    or "" for no folder.
    """
    if (
        not isinstance(value, str)
        or len(value) > _MAX_FOLDER_CHARS
        or "\0" in value
        or value.startswith(".")
        or _SURROGATES.search(value)
    ):
        return False
    return not value or not any(part in ("", ".", "..") for part in value.split("/"))


_TEXT, _FLAG = (lambda value: isinstance(value, str)), (lambda value: isinstance(value, bool))
_COMM = {"comm_id": (_name, ...), "data": (is_data, {}), "timeout": (_number, 0)}

#: Number of words, and characters of each word, that an install request may have, however it arrives.
_MAX_WORDS, _MAX_WORD_CHARS = 500, 1000


def _words(value):
    return (
        isinstance(value, list)
        and len(value) <= _MAX_WORDS
        and all(isinstance(word, str) and len(word) <= _MAX_WORD_CHARS for word in value)
    )


#: ``msg_type`` → (channel, {field of content: (check, default)}). A field without default (``...``) must be present.
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
            "folder": (_is_folder, ""),
            "project": (_is_folder, ""),
        },
    ),
    "comm_open": ("shell", dict(_COMM, target_name=(_name, ...))),
    "comm_msg": ("shell", _COMM),
    "comm_close": ("shell", _COMM),
    "complete_request": ("shell", {"code": (_TEXT, ...), "cursor_pos": (_number, ...)}),
    "inspect_request": ("shell", {"code": (_TEXT, ...), "cursor_pos": (_number, ...), "detail_level": (_number, 0)}),
    "signature_request": ("shell", {"code": (_TEXT, ...), "cursor_pos": (_number, ...)}),
    "input_reply": ("stdin", {"value": (_TEXT, ...), "request": (_TEXT, ...)}),
    # from a process of the running cell, only through the queue's folder
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
    # a piece of another command whose line would be too long
    "chunk": ("control", {"id": (_name, ...), "i": (_number, ...), "last": (_FLAG, ...), "data": (_TEXT, ...)}),
}


def _members(value, name):
    member = value.get(name, {})
    if not isinstance(member, dict):
        raise BadCommand("%s is not an object" % name)
    return member


def _buffers(command, msg_id):
    """Returns the binary parts of a comm message, in base64. Raises BadCommand."""
    buffers = command.get("buffers", [])
    if not isinstance(buffers, list) or len(buffers) > _MAX_BUFFERS or not all(_is_base64(one) for one in buffers):
        raise BadCommand("buffers are no base64", msg_id)
    return buffers


def _is_base64(value):
    return isinstance(value, str) and len(value) % 4 == 0 and _BASE64.match(value) is not None


def is_id(value) -> bool:
    """Returns whether a host accepts a value as the id of a message or request."""
    return isinstance(value, str) and MESSAGE_ID.match(value) is not None


def _is_shallow(value, limit=100):
    """Returns whether a value is nested so little that it can be encoded again, within other values and from any depth
    of calls.
    """
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
    """Returns the value of a JSON text (bytes) from an untrusted sender. The cost in memory and time is linear in its
    length.

    Raises ValueError if the text is no JSON (NaN and Infinity are not), is nested more than 250 levels deep, or has
    more values than an honest message.
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
    if opened > _MAX_JSON_DEPTH and not _is_shallow(value, _MAX_JSON_DEPTH):
        raise ValueError("nested too deeply")
    return value


def _outside_strings(data):
    """Returns how many objects and arrays, and how many commas, a JSON text has outside its strings."""
    data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    opened, commas, in_string = 0, 0, False
    # in steps, so that the parts take little memory, however many there are
    for start in range(0, len(data), _SCAN_BYTES):
        parts = data[start : start + _SCAN_BYTES].split(b'"')
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


def is_json(data: bytes) -> bool:
    """Returns whether ``data`` (bytes) is JSON that :func:`loads` accepts."""
    try:
        loads(data)
    except ValueError:
        return False
    return True


def parse_command(data: bytes, default_id: str = "") -> dict:
    """Parses a command and completes it with defaults.

    Args:
        data: bytes of one JSON object.
        default_id: the ``msg_id`` of a command that has none.

    Raises BadCommand.
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

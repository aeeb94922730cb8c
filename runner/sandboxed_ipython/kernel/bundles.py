"""What a display, or a comm's message, may hold. Checked in the kernel, where the cell that made it can still be told: the
host leaves out without a word what it cannot take (``src/protocol/check.ts``, which has the same bounds)."""

import base64
import re
import sys
import warnings

from IPython.core.formatters import FormatterWarning

from .. import packets, wire
from .channel import MessageTooLong
from .frames import is_the_cells

#: Messages whose content is a display.
DISPLAYS = frozenset(("display_data", "update_display_data", "execute_result"))

MAX_TYPES = 100
#: The host takes 200 levels, of which a message's own are some.
MAX_DEPTH = 190
_TYPE = re.compile(r"[\w.+-]{1,127}/[ -~]{1,127}\Z", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*\Z")
#: Characters of an image that are looked at.
_LOOK = 4096


def checked(content):
    """The content of a display as it can be sent; what has to be left out of it is warned of.

    Raises TypeError where something is no dict, RecursionError where it refers to itself.
    """
    content = dict({"metadata": {}, "transient": {}}, **content)
    for name in ("data", "metadata", "transient"):
        if not isinstance(content.get(name), dict):
            raise TypeError("%s of a display must be a dict, got: %s" % (name, type(content.get(name)).__name__))
    data = {}
    for mime, value in content["data"].items():
        if len(data) == MAX_TYPES:
            _warn("A display has at most %d mime types; the others are left out." % MAX_TYPES)
            break
        if not isinstance(mime, str) or not _TYPE.match(mime):
            _warn(
                "%.100r is left out of a display: it is no mime type." % (mime if isinstance(mime, str) else type(mime))
            )
            continue
        if value is None and not mime.endswith("json"):
            _warn("%s is left out of a display: its value is None." % mime)
            continue
        if isinstance(value, (bytes, bytearray, memoryview)):
            value = base64.b64encode(value).decode("ascii")
        if mime.startswith("image/") and mime != "image/svg+xml" and not _may_be_base64(value):
            _warn("%s of a display cannot be drawn: its value is no image in base64." % mime)
        data[mime] = value
    content["data"] = data
    for name, value in _parts(content):
        _check_depth("%s of a display" % name, value)
    return content


def check_comm(content):
    """Raises TypeError where the data of a comm's message is no dict, RecursionError where it refers to itself, and MessageTooLong
    before it is copied where it can never be sent: there may be no room for that."""
    data = content.get("data", {})
    if not isinstance(data, dict):
        raise TypeError("data of a comm must be a dict, got: %s" % type(data).__name__)
    _check_depth("data of a comm", data)
    size = _texts(data)
    if size > wire.MAX_COMM_BYTES:
        raise MessageTooLong(size)


def size_of(content):
    """Characters that the texts of a display have: it cannot be sent in fewer bytes."""
    return sum(len(value) for value in content["data"].values() if isinstance(value, str))


def unsendable(content):
    """What of a display JSON cannot hold, as an error to raise."""
    for name, value in _parts(content):
        try:
            packets.encode(value)
        except packets.Unsendable as error:
            return ValueError("%s of a display holds %s" % (name, error))
    return ValueError("a display holds what JSON cannot hold")


def _parts(content):
    return [*content["data"].items(), ("metadata", content["metadata"]), ("transient", content["transient"])]


def _may_be_base64(value):
    return isinstance(value, list) or (isinstance(value, str) and _BASE64.match(value[:_LOOK]) is not None)


def _check_depth(name, value):
    if not _is_shallow(value):
        raise RecursionError("%s refers to itself, or is nested more than %d levels deep" % (name, MAX_DEPTH))


def _is_shallow(value):
    level = [value] if isinstance(value, (dict, list, tuple)) else []
    for _ in range(MAX_DEPTH):
        # each object once a level: one that holds itself twice would double with each
        below = (child for one in level for child in (one.values() if isinstance(one, dict) else one))
        level = list({id(child): child for child in below if isinstance(child, (dict, list, tuple))}.values())
        if not level:
            return True
    return False


def _texts(value):
    """Characters of the texts in what is shallow, or fewer: an object counts once a level."""
    size, level = 0, [value]
    while level:
        below = [child for one in level for child in (one.values() if isinstance(one, dict) else one)]
        size += sum(len(child) for child in below if isinstance(child, str))
        level = list({id(child): child for child in below if isinstance(child, (dict, list, tuple))}.values())
    return size


def _warn(text):
    """At the cell's line, each time: Python's own would be silent about the same line of another cell."""
    frame = sys._getframe(1)
    while frame.f_back is not None and not is_the_cells(frame):
        frame = frame.f_back
    warnings.warn_explicit(text, FormatterWarning, frame.f_code.co_filename, frame.f_lineno)

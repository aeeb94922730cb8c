"""Checks what a display or a comm message holds. The checks are made in the kernel, where the cell can still get a
warning or an error: the host silently leaves out what it cannot accept (``src/protocol/check.ts``, which has the same
bounds).
"""

import base64
import re
import sys
import warnings

from IPython.core.formatters import FormatterWarning

from .. import packets, wire
from .channel import MessageTooLong
from .frames import is_the_cells

#: Types of messages whose content is a display.
DISPLAYS = frozenset(("display_data", "update_display_data", "execute_result"))

MAX_TYPES = 100
#: Levels of nesting. The host accepts 200, some of which belong to the message itself.
MAX_DEPTH = 190
_TYPE = re.compile(r"[\w.+-]{1,127}/[ -~]{1,127}\Z", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*\Z")
#: Characters of an image that are checked.
_CHECKED_CHARS = 4096


def checked(content: dict) -> dict:
    """Returns the content of a display as it can be sent. A warning names each part that is left out.

    Raises TypeError if a part is no dict, and RecursionError if a part refers to itself.
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


def check_comm(content: dict) -> None:
    """Checks the content of a comm message before it is copied, for which there may be no room.

    Raises TypeError if its data are no dict, RecursionError if they refer to themselves, and MessageTooLong if they are
    too long to be sent.
    """
    data = content.get("data", {})
    if not isinstance(data, dict):
        raise TypeError("data of a comm must be a dict, got: %s" % type(data).__name__)
    _check_depth("data of a comm", data)
    size = _texts(data)
    if size > wire.MAX_COMM_BYTES:
        raise MessageTooLong(size)


def size_of(content: dict) -> int:
    """Returns the characters of the texts of a display. The display cannot be sent in fewer bytes."""
    return sum(len(value) for value in content["data"].values() if isinstance(value, str))


def unsendable(content: dict) -> ValueError:
    """Returns an exception that names the part of a display that JSON cannot hold."""
    for name, value in _parts(content):
        try:
            packets.encode(value)
        except packets.Unsendable as error:
            return ValueError("%s of a display holds %s" % (name, error))
    return ValueError("a display holds a value that JSON cannot express")


def _parts(content):
    return [*content["data"].items(), ("metadata", content["metadata"]), ("transient", content["transient"])]


def _may_be_base64(value):
    return isinstance(value, list) or (isinstance(value, str) and _BASE64.match(value[:_CHECKED_CHARS]) is not None)


def _check_depth(name, value):
    if not _is_shallow(value):
        raise RecursionError("%s refers to itself, or is nested more than %d levels deep" % (name, MAX_DEPTH))


def _is_shallow(value):
    level = [value] if isinstance(value, (dict, list, tuple)) else []
    for _ in range(MAX_DEPTH):
        # each object once per level: the level would double if an object held itself twice
        below = (child for one in level for child in (one.values() if isinstance(one, dict) else one))
        level = list({id(child): child for child in below if isinstance(child, (dict, list, tuple))}.values())
        if not level:
            return True
    return False


def _texts(value):
    """Returns the characters of the texts in a shallow value, or fewer: an object counts once per level."""
    size, level = 0, [value]
    while level:
        below = [child for one in level for child in (one.values() if isinstance(one, dict) else one)]
        size += sum(len(child) for child in below if isinstance(child, str))
        level = list({id(child): child for child in below if isinstance(child, (dict, list, tuple))}.values())
    return size


def _warn(text):
    """Warns at the line of the cell, each time. ``warnings.warn`` would be silent about the same line of another cell."""
    frame = sys._getframe(1)
    while frame.f_back is not None and not is_the_cells(frame):
        frame = frame.f_back
    warnings.warn_explicit(text, FormatterWarning, frame.f_code.co_filename, frame.f_lineno)

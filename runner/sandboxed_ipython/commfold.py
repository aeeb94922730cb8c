"""Folds the updates of a widget's state: only the latest value of each key of the state has to be kept.

An update is a ``comm_msg`` whose data are ``{"method": "update", "state": {…}, "buffer_paths": [[key, …], …]}``, as
ipywidgets sends them. A binary value is left out of ``state`` and stands in ``buffers``, in the order of
``buffer_paths``. ``echo_update`` is the same for a state that a host has set.
"""

from . import fragments, wire

_UPDATES = ("update", "echo_update")
#: Keys of an ``Output`` widget. They decide whether the messages between two updates are captured, so these updates
#: keep their places.
_ORDERED_KEYS = frozenset(("msg_id", "outputs"))
#: Approximate bytes that a key costs in addition to its text.
_KEY_BYTES = 200


def update_of(event):
    """Returns the event as an :class:`Update`, or None if a later update of the same keys cannot replace it."""
    keys = _keys_of(event) if event["msg_type"] == "comm_msg" else None
    return Update(event) if keys and not keys & _ORDERED_KEYS else None


def _keys_of(event):
    """Returns the keys of the state that an update sets, or None if the event is no well-formed update."""
    data = event["content"].get("data")
    if not isinstance(data, dict) or data.get("method") not in _UPDATES or not isinstance(data.get("state"), dict):
        return None
    paths = data.get("buffer_paths") or []
    if not isinstance(paths, list) or len(paths) != len(event.get("buffers") or ()):
        return None
    if not all(isinstance(path, list) and path and isinstance(path[0], str) for path in paths):
        return None
    return set(data["state"]) | {path[0] for path in paths}


class Update:
    """One update. The value of each key is encoded once, so that one key can be dropped without touching the others."""

    __slots__ = ("_content", "_data", "_envelope", "_metadata", "_values", "size")

    def __init__(self, event):
        content = dict(event["content"])
        data = dict(content.pop("data"))
        state, paths = data.pop("state"), data.pop("buffer_paths", None) or ()
        self._envelope = {name: event[name] for name in ("kernel", "gen", "t", "channel", "msg_type", "parent_header")}
        self._content, self._data, self._metadata = wire.dumps(content), wire.dumps(data), wire.dumps(event["metadata"])
        self._values = {key: ([_member(key, wire.dumps(value))], [], []) for key, value in state.items()}
        for path, buffer in zip(paths, event["buffers"]):
            _, own_paths, own_buffers = self._values.setdefault(path[0], ([], [], []))
            own_paths.append(wire.dumps(path))
            own_buffers.append(wire.dumps(buffer))
        #: Approximate bytes of memory.
        self.size = len(self._content) + len(self._data) + len(self._metadata) + sum(map(_size, self._values.values()))

    @property
    def keys(self):
        """The keys that are left."""
        return self._values.keys()

    def drop(self, key: str) -> None:
        """Forgets the value of a key that a later update has set."""
        self.size -= _size(self._values.pop(key))

    def lines(self, series: str) -> list[bytes]:
        """Returns the message with the keys that are left, as :func:`fragments.lines` returns it. It never has more lines
        than before.
        """
        members, paths, buffers = (
            [part for value in self._values.values() for part in value[index]] for index in range(3)
        )
        data = _joined(self._data, b'"state":{%s}' % b",".join(members), b'"buffer_paths":[%s]' % b",".join(paths))
        inner = _joined(
            wire.dumps({name: self._envelope[name] for name in ("channel", "msg_type", "parent_header")}),
            b'"content":' + _joined(self._content, b'"data":' + data),
            b'"metadata":' + self._metadata,
            b'"buffers":[%s]' % b",".join(buffers),
        )
        return fragments.lines_of(self._envelope, inner, series)


def _member(key, value):
    return wire.dumps(key) + b":" + value


def _joined(encoded, *members):
    """Returns an encoded JSON object with more members."""
    return encoded[:-1] + (b"," if len(encoded) > 2 else b"") + b",".join(members) + b"}"


def _size(value):
    return _KEY_BYTES + sum(len(part) for parts in value for part in parts)

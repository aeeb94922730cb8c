"""Updates of a widget's state folded: of each key of the state only its latest value has to be kept.

An update is a ``comm_msg`` whose data are ``{"method": "update", "state": {…}, "buffer_paths": [[key, …], …]}``, as ipywidgets
sends them; a binary value is left out of ``state`` and stands in ``buffers``, in the order of ``buffer_paths``.
``echo_update`` is the same for a state that a host has set.
"""

_UPDATES = ("update", "echo_update")
#: Of an ``Output`` widget: what is between two of its updates is captured or not, so they keep their places.
_ORDERED = frozenset(("msg_id", "outputs"))


def is_foldable(event):
    """Whether a later update of the same keys makes this one needless."""
    keys = keys_of(event) if event["msg_type"] == "comm_msg" else None
    return bool(keys) and not keys & _ORDERED


def keys_of(event):
    """The keys of the state that an update sets; None: it is none, or not made as one."""
    data = event["content"].get("data")
    if not isinstance(data, dict) or data.get("method") not in _UPDATES or not isinstance(data.get("state"), dict):
        return None
    paths = data.get("buffer_paths") or []
    if not isinstance(paths, list) or len(paths) != len(event.get("buffers") or ()):
        return None
    if not all(isinstance(path, list) and path and isinstance(path[0], str) for path in paths):
        return None
    return set(data["state"]) | {path[0] for path in paths}


def without(event, keys):
    """The same update of all other keys."""
    data = event["content"]["data"]
    kept = [(path, buffer) for path, buffer in zip(data.get("buffer_paths") or (), event.get("buffers") or ()) if path[0] not in keys]
    state = {key: value for key, value in data["state"].items() if key not in keys}
    return _with(event, dict(data, state=state, buffer_paths=[path for path, _ in kept]), [buffer for _, buffer in kept])


def merged(older, newer):
    """One update in place of two that have no key in common, where the newer stands."""
    first, second = older["content"]["data"], newer["content"]["data"]
    method = "update" if "update" in (first["method"], second["method"]) else "echo_update"
    data = dict(
        second, method=method, state=dict(first["state"], **second["state"]),
        buffer_paths=[*(first.get("buffer_paths") or ()), *(second.get("buffer_paths") or ())],
    )
    return _with(newer, data, [*(older.get("buffers") or ()), *(newer.get("buffers") or ())])


def _with(event, data, buffers):
    return dict(event, content=dict(event["content"], data=data), buffers=buffers)

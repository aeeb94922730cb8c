"""Answers the requests of an editor for completions, documentation and signatures with the live shell."""

import contextlib
import contextvars
import signal
import time
from itertools import islice

from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.utils.tokenutil import token_at_cursor

from . import bounds
from .frames import is_ours
from .signatures import signatures_at
from .streams import NO_CELL, current_cell

MAX_MATCHES = 500
#: Characters of one match, and of all matches: a cell may choose names of any length.
_MAX_MATCH_CHARS, _MAX_CHARS = 10_000, 500_000
#: Seconds for one answer. The host waits a little longer, and the next cell waits behind the answer.
DEADLINE_SECONDS = 4.0
#: Seconds of these that jedi has. It reads sources, which takes a slow machine seconds the first time; the live names
#: are there at once.
JEDI_DEADLINE_SECONDS = 3.0
#: Seconds until the exception is raised again if code has swallowed it.
_REPEAT_SECONDS = 0.2


def complete(shell, content: dict) -> dict:
    """Returns the content of a ``complete_reply``: the matches for ``code`` at ``cursor_pos``, and the span that they
    replace (in characters).
    """
    code, position = content["code"], int(content["cursor_pos"])
    found = _bounded(_completions(shell.Completer, code, position))
    start, end = (found[0].start, found[0].end) if found else (position, position)
    types = [{"text": one.text, "type": one.type, "start": one.start, "end": one.end} for one in found]
    metadata = {"_jupyter_types_experimental": types}
    return {
        "status": "ok",
        "matches": [one.text for one in found],
        "cursor_start": start,
        "cursor_end": end,
        "metadata": metadata,
    }


def _bounded(found):
    """Returns the matches that are short enough for a host, as far as there is room. (A shortened match would be no
    valid name.)
    """
    kept, room = [], _MAX_CHARS
    for one in found:
        if len(one.text) <= min(_MAX_MATCH_CHARS, room):
            kept.append(one)
            room -= len(one.text)
    return kept


def _completions(completer, code, position):
    """Returns IPython's completions: with jedi, or if that takes too long, without it."""

    def found():
        with provisionalcompleter():
            return list(rectify_completions(code, islice(completer.completions(code, position), MAX_MATCHES)))

    if not completer.use_jedi:
        return found()
    matches = []
    with _deadline(JEDI_DEADLINE_SECONDS) as passed:
        try:
            matches = found()
        except KeyboardInterrupt:
            if not passed:
                raise
    if matches or not passed:
        return matches
    completer.use_jedi = False
    try:
        return found()
    finally:
        completer.use_jedi = True


def inspect(shell, content: dict) -> dict:
    """Returns the content of an ``inspect_reply``: the documentation of the name at ``cursor_pos``."""
    name = token_at_cursor(content["code"], int(content["cursor_pos"]))
    try:
        data = shell.object_inspect_mime(name, detail_level=int(content.get("detail_level", 0)))
    except KeyError:
        return {"status": "ok", "found": False, "data": {}, "metadata": {}}
    data = {mime: bounds.shortened(text, bounds.HELP_CHARS) for mime, text in data.items() if isinstance(text, str)}
    return {"status": "ok", "found": True, "data": data, "metadata": {}}


def signature(shell, content: dict) -> dict:
    """Returns the content of a ``signature_reply``: the signatures of the call around ``cursor_pos``."""
    return {"status": "ok", "signatures": signatures_at(content["code"], int(content["cursor_pos"]), shell.user_ns)}


@contextlib.contextmanager
def _deadline(seconds):
    """Raises KeyboardInterrupt in the code of the block after ``seconds``, because an object of a cell may take for
    ever to list its names.

    IPython may then still answer with the names that it has. The yielded list is not empty if the deadline has passed.
    A timer that a cell has set continues afterwards.
    """
    passed = []

    def over(_number, frame):
        if is_ours(frame) or frame.f_code.co_filename == contextlib.__file__:
            return  # this is no code of a cell; the signal comes once more
        passed.append(True)
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGALRM, over)
    begun = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT_SECONDS)
    try:
        yield passed
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - begun), 1e-3), interval)


def _always(answer):
    """Makes a function that always returns an answer.

    An object of a cell may fail when it is asked for its names; the answer is then ``status: error``. What it prints
    meanwhile is shown nowhere, because no cell runs.
    """

    def answered(shell, content):
        current_cell.set(NO_CELL)
        try:
            with _deadline(DEADLINE_SECONDS) as passed:
                reply = answer(shell, content)
            return {"status": "error"} if passed and reply.get("matches") == [] else reply
        except (Exception, KeyboardInterrupt):
            return {"status": "error"}

    return lambda shell, content: contextvars.copy_context().run(answered, shell, content)


REQUESTS = {
    "complete_request": _always(complete),
    "inspect_request": _always(inspect),
    "signature_request": _always(signature),
}

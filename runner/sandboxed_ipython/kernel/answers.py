"""Completion and inspection by the live shell."""

import contextlib
import contextvars
import signal
import time
from itertools import islice

from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.utils.tokenutil import token_at_cursor

from . import bounds
from .frames import is_ours
from .streams import NO_CELL, current_cell

MAX_MATCHES = 500
#: Characters of one match, and of all: a name of a cell's may be as long as it likes.
_MAX_MATCH_CHARS, _MAX_CHARS = 10_000, 500_000
#: Seconds. Whoever asked waits a little longer, and the next cell waits behind it.
DEADLINE = 4.0
#: Of these what jedi has. It reads sources, which takes a slow machine seconds the first time; the live names are there at once.
JEDI_DEADLINE = 3.0
#: Seconds after which what has swallowed the exception gets another.
_AGAIN = 0.2


def complete(shell, content):
    """``complete_reply``: matches for ``code`` at ``cursor_pos``, and the span that they replace (characters)."""
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
    """Those that are no longer than a host shows, as far as there is room. (One that is cut would be no name.)"""
    kept, room = [], _MAX_CHARS
    for one in found:
        if len(one.text) <= min(_MAX_MATCH_CHARS, room):
            kept.append(one)
            room -= len(one.text)
    return kept


def _completions(completer, code, position):
    """IPython's, by jedi, or where that takes too long by IPython alone."""

    def found():
        with provisionalcompleter():
            return list(rectify_completions(code, islice(completer.completions(code, position), MAX_MATCHES)))

    if not completer.use_jedi:
        return found()
    matches = []
    with _deadline(JEDI_DEADLINE) as passed:
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


def inspect(shell, content):
    """``inspect_reply``: the documentation of the name at ``cursor_pos``."""
    name = token_at_cursor(content["code"], int(content["cursor_pos"]))
    try:
        data = shell.object_inspect_mime(name, detail_level=int(content.get("detail_level", 0)))
    except KeyError:
        return {"status": "ok", "found": False, "data": {}, "metadata": {}}
    data = {mime: bounds.shortened(text, bounds.HELP_CHARS) for mime, text in data.items() if isinstance(text, str)}
    return {"status": "ok", "found": True, "data": data, "metadata": {}}


@contextlib.contextmanager
def _deadline(seconds):
    """An object of a cell's may take for ever to say its names: KeyboardInterrupt then, of which IPython may make an answer with
    the names that it has; the list that is given is not empty then. A timer of the cell's own goes on afterwards."""
    passed = []

    def over(_number, frame):
        if is_ours(frame) or frame.f_code.co_filename == contextlib.__file__:
            return  # there is nobody here to end; it comes once more
        passed.append(True)
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGALRM, over)
    begun = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield passed
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - begun), 1e-3), interval)


def _always(answer):
    """An object of a cell's may fail when it is asked for its names; whoever waits gets ``status: error`` then. What it prints, or
    IPython about it, is in no cell: nobody has run one."""

    def answered(shell, content):
        current_cell.set(NO_CELL)
        try:
            with _deadline(DEADLINE) as passed:
                reply = answer(shell, content)
            return {"status": "error"} if passed and reply.get("matches") == [] else reply
        except (Exception, KeyboardInterrupt):
            return {"status": "error"}

    return lambda shell, content: contextvars.copy_context().run(answered, shell, content)


REQUESTS = {"complete_request": _always(complete), "inspect_request": _always(inspect)}

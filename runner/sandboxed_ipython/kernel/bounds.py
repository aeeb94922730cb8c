"""Bounds on texts that come from a cell's objects, such as the texts of exceptions, docstrings and prompts."""

from .. import packets

ERROR_CHARS = 100_000
#: Characters of a traceback that is shown. The supervisor has room for that also if a cell has printed too much.
TRACEBACK_CHARS = 500_000
PROMPT_CHARS = 65_536
HELP_CHARS = 1_000_000
#: Bytes of all payloads of a reply. The supervisor accepts replies of 8 MiB.
_MAX_PAYLOAD_BYTES = 4 * 1024 * 1024


def shortened(text: str, limit: int) -> str:
    """Returns a text. If it has more than ``limit`` characters, only its beginning and end, and its length."""
    if len(text) <= limit:
        return text
    return "%s\n… %d characters in all …\n%s" % (text[: limit // 2], len(text), text[-(limit // 2) :])


def traceback_lines(lines: list, limit: int) -> list[str]:
    """Returns the lines of a traceback, or one shortened text if they have more than ``limit`` characters together."""
    lines = [str(line) for line in lines]
    return lines if sum(len(line) for line in lines) <= limit else [shortened("\n".join(lines), limit)]


def text_of(value) -> str:
    """Returns ``str()`` of an exception, shortened, also if ``str()`` fails."""
    try:
        return shortened(str(value), ERROR_CHARS)
    except Exception as error:
        return "<str() of the exception failed: %s>" % type(error).__name__


def payloads(found: list, say) -> list[dict]:
    """Returns the payloads of a reply that can be sent. A long text of a pager is shortened. ``say`` gets a line for
    each payload that is left out.
    """
    sent, room = [], _MAX_PAYLOAD_BYTES
    for one in found:
        if isinstance(one, dict) and one.get("source") == "page" and isinstance(one.get("data"), dict):
            text = one["data"].get("text/plain")
            if isinstance(text, str) and len(text) > HELP_CHARS:
                one = dict(one, data={"text/plain": shortened(text, HELP_CHARS)})
        try:
            size = len(packets.encode(one))
        except (packets.Unsendable, RecursionError) as error:
            say("A payload of this cell cannot be sent: %s\n" % error)
            continue
        if size > room:
            say("A payload of this cell is left out: it has %d bytes.\n" % size)
        else:
            sent.append(one)
            room -= size
    return sent

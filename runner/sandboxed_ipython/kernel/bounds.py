"""How long texts may be that a cell's own objects give: an exception's, a docstring's, a prompt's."""

from .. import packets

ERROR_CHARS = 100_000
#: Of a traceback as it is shown; the supervisor has room for that also where a cell has printed too much.
TRACEBACK_CHARS = 500_000
PROMPT_CHARS = 65_536
HELP_CHARS = 1_000_000
#: Of all payloads of a reply; the supervisor takes replies of 8 MiB.
_PAYLOAD_BYTES = 4 * 1024 * 1024


def shortened(text, limit):
    """Beginning and end of a text that is longer than ``limit``, and how long it is."""
    if len(text) <= limit:
        return text
    return "%s\n… %d characters in all …\n%s" % (text[: limit // 2], len(text), text[-(limit // 2) :])


def traceback_lines(lines, limit):
    """A traceback's lines; one text if they are too long together."""
    lines = [str(line) for line in lines]
    return lines if sum(len(line) for line in lines) <= limit else [shortened("\n".join(lines), limit)]


def text_of(value):
    """``str()`` of an exception, which may itself fail."""
    try:
        return shortened(str(value), ERROR_CHARS)
    except Exception as error:
        return "<str() of the exception failed: %s>" % type(error).__name__


def payloads(found, say):
    """Those of a reply that can be sent; ``say`` gets a line for each that cannot. A pager's text is shortened."""
    sent, room = [], _PAYLOAD_BYTES
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

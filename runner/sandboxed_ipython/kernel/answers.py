"""Completion and inspection by the live shell."""


def complete(shell, content):
    """``complete_reply``: matches for ``code`` at ``cursor_pos``, and the span that they replace (characters)."""
    code, position = content["code"], int(content["cursor_pos"])
    text, matches = shell.complete("", code[_line_start(code, position) : position], position - _line_start(code, position))
    return {"status": "ok", "matches": list(matches)[:500], "cursor_start": position - len(text), "cursor_end": position, "metadata": {}}


def inspect(shell, content):
    """``inspect_reply``: the documentation of the name at ``cursor_pos``."""
    from IPython.utils.tokenutil import token_at_cursor

    name = token_at_cursor(content["code"], int(content["cursor_pos"]))
    try:
        data = shell.object_inspect_mime(name, detail_level=int(content.get("detail_level", 0)))
    except KeyError:
        return {"status": "ok", "found": False, "data": {}, "metadata": {}}
    return {"status": "ok", "found": True, "data": data, "metadata": {}}


def _line_start(code, position):
    return code.rfind("\n", 0, position) + 1


REQUESTS = {"complete_request": complete, "inspect_request": inspect}

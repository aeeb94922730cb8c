"""The signatures of the call around the cursor, found by jedi in the live namespace.

IPython depends on jedi for its completions. Jedi parses the incomplete code, so nested calls, strings, comments and
keyword arguments need no code here.
"""

#: Signatures of one answer. An overloaded function may have any number.
MAX_SIGNATURES = 20
#: Characters of one signature; a longer one is left out, because its parameters could not be shown without it.
_MAX_SIGNATURE_CHARS = 10_000
#: Characters of one docstring.
_MAX_DOCUMENTATION_CHARS = 20_000


def signatures_at(code: str, position: int, namespace: dict) -> list[dict]:
    """Returns the signatures of the innermost call around a position.

    Args:
        code: the source of a cell, which may be incomplete.
        position: offset in ``code``, in characters.
        namespace: the live names.

    Returns:
        For each signature its ``label``, such as ``f(a, b=1)``, its ``parameters`` as they appear in the label,
        the index of the ``active`` parameter (None if the argument at the position fits none) and the docstring of the
        function as ``documentation``. The list is empty outside of calls and for names without a signature.

    Raises:
        ImportError: jedi is not installed.
        Exception: whatever an object of the namespace, or jedi, raises.
    """
    import jedi  # takes a tenth of a second, and most kernels are never asked

    before = _with_newlines(code[:position])
    lines = before.split("\n")
    script = jedi.Interpreter(before + _with_newlines(code[position:]), [namespace])
    found = script.get_signatures(line=len(lines), column=len(lines[-1]))
    return [one for one in map(_described, found[:MAX_SIGNATURES]) if len(one["label"]) <= _MAX_SIGNATURE_CHARS]


def _described(signature) -> dict:
    return {
        "label": signature.to_string(),
        "parameters": [parameter.to_string() for parameter in signature.params],
        "active": signature.index,
        "documentation": signature.docstring(raw=True)[:_MAX_DOCUMENTATION_CHARS],
    }


def _with_newlines(text):
    """Returns a text with ``\\n`` as its only line break, as lines are counted here."""
    return text.replace("\r\n", "\n").replace("\r", "\n")

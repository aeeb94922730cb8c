"""Signatures of the function that is being called, as an editor asks for them."""

import pytest

FUNCTIONS = """
import functools
def f(first, second="x, y", /, *rest, key: int = 3, **more): "Documentation of f."
class Thing:
    "A thing."
    def __init__(self, size, *, colour="red"): pass
    def method(self, a, b=2) -> str: "Documentation of method."
    def __call__(self, how): pass
thing = Thing(1)
table = {"key": f}
partial = functools.partial(f, 1)
größe = f
"""


@pytest.fixture
def ask(sandbox):
    """A function that asks for the signatures at the ``|`` in a code, and returns the content of the reply."""
    sandbox.run(FUNCTIONS)

    def signatures(marked):
        position = marked.index("|")
        content = {"code": marked.replace("|", ""), "cursor_pos": position}
        request = sandbox.stream.send("signature_request", content, "shell")
        return sandbox.stream.wait(
            lambda e: e["msg_type"] == "signature_reply" and e["parent_header"]["msg_id"] == request, 20
        )["content"]

    return signatures


@pytest.mark.parametrize(
    "marked, label, active",
    [
        ("f(|", "f(first, second='x, y', /, *rest, key: int=3, **more)", "first"),
        ("f(1, |", "f(first, second='x, y', /, *rest, key: int=3, **more)", "second='x, y'"),
        ("f(1, 2, 3, 4, |", "f(first, second='x, y', /, *rest, key: int=3, **more)", "*rest"),
        ("f(1, key=|", "f(first, second='x, y', /, *rest, key: int=3, **more)", "key: int=3"),
        ("f('a, (b', # , (\n  |", "f(first, second='x, y', /, *rest, key: int=3, **more)", "second='x, y'"),
        ("y = 1\r\nf(1, |)\r\nz = 2", "f(first, second='x, y', /, *rest, key: int=3, **more)", "second='x, y'"),
        ("[f(|", "f(first, second='x, y', /, *rest, key: int=3, **more)", "first"),
        ("len(f(1, |", "f(first, second='x, y', /, *rest, key: int=3, **more)", "second='x, y'"),
        ("'🎈🎈'; größe(1, |", "f(first, second='x, y', /, *rest, key: int=3, **more)", "second='x, y'"),
        ("%timeit f(1, |", "f(first, second='x, y', /, *rest, key: int=3, **more)", "second='x, y'"),
        ("table['key'](|", "f(first, second='x, y', /, *rest, key: int=3, **more)", "first"),
        ("thing.method(1, b=|", "method(a, b=2)", "b=2"),
        ("Thing(1, |", "Thing(size, *, colour='red')", "colour='red'"),
        ("thing(1, |", "Thing(how)", None),
    ],
)
def test_the_signature_of_the_innermost_call_names_the_argument_at_the_cursor(ask, marked, label, active):
    content = ask(marked)
    assert content["status"] == "ok"
    [signature] = content["signatures"]
    assert signature["label"].replace("int = ", "int=").split(" ->")[0] == label
    assert all(parameter in signature["label"] for parameter in signature["parameters"])
    assert (None if signature["active"] is None else signature["parameters"][signature["active"]]) == active


def test_a_signature_has_the_documentation_of_the_function(ask):
    assert ask("f(|")["signatures"][0]["documentation"] == "Documentation of f."


def test_an_overloaded_function_has_several_signatures(ask):
    labels = [one["label"] for one in ask("dict(|")["signatures"]]
    assert len(labels) > 1 and all(label.startswith("dict(") for label in labels)


@pytest.mark.parametrize("marked", ["|", "f|", "f(1)|", "(1, |", "def g(|", "if (|", "no_such_name(|"])
def test_code_outside_of_a_known_call_has_no_signature(ask, marked):
    assert ask(marked) == {"status": "ok", "signatures": []}


def test_a_very_long_signature_is_left_out_and_a_very_long_docstring_is_cut(ask, sandbox):
    sandbox.run(
        "def long(): pass\nlong.__doc__ = 'd' * 1_000_000\n"
        "exec('def wide(' + ', '.join('parameter_%d=None' % i for i in range(2000)) + '): pass')"
    )
    assert len(ask("long(|")["signatures"][0]["documentation"]) == 20_000
    assert ask("wide(|")["signatures"] == []


def test_a_failure_of_jedi_is_answered_and_the_next_cell_runs(ask, sandbox):
    sandbox.run("import jedi\ndef fails(*_, **__): raise ValueError('no')\njedi.Interpreter.get_signatures = fails")
    assert ask("f(|")["status"] == "error"
    assert sandbox.run("1").result == "1"


def test_signatures_that_take_too_long_delay_no_cell(ask, sandbox):
    sandbox.run("import jedi, time\njedi.Interpreter.get_signatures = lambda *_, **__: time.sleep(60)")
    assert ask("f(|")["status"] == "error"
    assert sandbox.run("1").result == "1"

"""Objects of a cell that cannot be displayed: the cell gets an error or a warning, and the kernel lives."""

import pytest

CLASSES = """
import time
class Bundle:
    def __init__(self, *bundle): self.bundle = bundle if len(bundle) > 1 else bundle[0]
    def _repr_mimebundle_(self, include=None, exclude=None): return self.bundle
    def __repr__(self): return 'the text'
class Hangs:
    def __repr__(self):
        while True: time.sleep(0.01)
class Raises:
    def __repr__(self): raise LookupError('no repr')
class RaisesAsHtml:
    def __repr__(self): return 'the text'
    def _repr_html_(self): raise LookupError('no repr')
class RaisesAsBundle:
    def __repr__(self): return 'the text'
    def _repr_mimebundle_(self, include=None, exclude=None): raise LookupError('no repr')
class HangsAsHtml:
    def __repr__(self): return 'the text'
    def _repr_html_(self):
        while True: pass
kept = 'kept'
circle = []; circle.append(circle)
deep = 'end'
for _ in range(5000): deep = [deep]
"""


@pytest.fixture
def run_and_check_kernel(sandbox):
    """Runs a cell and returns it after another cell has shown that the kernel lives."""
    sandbox.run(CLASSES)

    def run(code, **options):
        cell = sandbox.run(code, **options)
        assert sandbox.run("kept").result == "'kept'"
        return cell

    return run


@pytest.mark.smoke
@pytest.mark.parametrize(
    "code, name, words",
    [
        ("Bundle({'text/plain': object()})", "ValueError", "text/plain of a display holds a value of type object"),
        (
            "Bundle({'application/json': {'a': [1, {1.5: object}]}})",
            "ValueError",
            "application/json of a display holds a value of type type",
        ),
        ("Bundle({'text/plain': 'x'}, {'a': object()})", "ValueError", "metadata of a display holds"),
        ("display('x', display_id=object())", "ValueError", "transient of a display holds"),
        ("Bundle({'text/plain': 'x'}, 'metadata')", "TypeError", "metadata of a display must be a dict, got: str"),
        ("display('text', raw=True)", "TypeError", "data of a display must be a dict, got: str"),
        ("Bundle({'application/json': circle})", "RecursionError", "application/json of a display refers to itself"),
        (
            "display({'application/json': {'c': circle}, 'text/plain': 'x'}, raw=True)",
            "RecursionError",
            "application/json of a display refers to itself",
        ),
        ("display({'application/json': [circle, circle, deep]}, raw=True)", "RecursionError", "nested more than"),
        (
            "import sys; sys.setrecursionlimit(100_000); display({'application/json': deep}, raw=True)",
            "RecursionError",
            "nested more than",
        ),
        ("display('x', metadata={'a': circle})", "RecursionError", "metadata of a display refers to itself"),
    ],
)
def test_a_display_that_cannot_be_sent_is_an_error_at_the_users_line(run_and_check_kernel, code, name, words):
    cell = run_and_check_kernel(code)
    (error,) = cell.contents("error")
    assert (error["ename"], cell.reply["status"]) == (name, "error") and words in error["evalue"]
    assert "sandboxed_ipython" not in "".join(error["traceback"])
    assert not cell.contents("execute_result") and not cell.contents("display_data")


@pytest.mark.parametrize(
    "code", ["Raises()", "display(Raises())", "[Raises()]", "print(Raises())", "RaisesAsHtml()", "RaisesAsBundle()"]
)
def test_a_repr_that_raises_is_an_error_in_the_cell(run_and_check_kernel, code):
    cell = run_and_check_kernel(code)
    (error,) = cell.contents("error")
    assert (error["ename"], error["evalue"]) == ("LookupError", "no repr")
    assert cell.result == ("the text" if "As" in code else None)


@pytest.mark.parametrize(
    "code, words, left",
    [
        (
            "Bundle({17: 'x', 'text/plain': 'y'})",
            "<class 'int'> is left out of a display: it is no mime type",
            {"text/plain": "y"},
        ),
        (
            "Bundle({'': 'x', 'text/plain': 'y'})",
            "'' is left out of a display: it is no mime type",
            {"text/plain": "y"},
        ),
        (
            "Bundle({'text/html': None, 'text/plain': 'y'})",
            "text/html is left out of a display: its value is None",
            {"text/plain": "y"},
        ),
        (
            "Bundle({'text/plain': 'y', 'image/png': 'data:image/png;base64,xx'})",
            "image/png of a display cannot be drawn",
            {"text/plain": "y", "image/png": "data:image/png;base64,xx"},
        ),
        ("Bundle({'x/%d' % n: '' for n in range(101)})", "A display has at most 100 mime types", None),
    ],
)
def test_a_warning_names_what_is_left_out_of_a_display(run_and_check_kernel, code, words, left):
    for _ in range(2):  # once more in another cell, although it is the same line
        cell = run_and_check_kernel("display(%s)" % code)
        assert words in cell.text("stderr") and cell.reply["status"] == "ok"
    if left is not None:
        assert cell.contents("display_data")[0]["data"] == left


def test_values_that_jupyter_can_send_arrive_as_jupyter_sends_them(run_and_check_kernel):
    cell = run_and_check_kernel(
        "import datetime\nJSON = {'set': {1}, 'tuple': (1, 2), 'range': range(2), 'bytes': b'abc', 3: 4, None: 5, True: 6, (1, 2): 7, 'time': datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)}\n"
        "display({'application/json': JSON, 'text/html': b'abc', 'text/plain': 5, 'application/x-json': None}, raw=True)"
    )
    expected = {
        "set": [1],
        "tuple": [1, 2],
        "range": [0, 1],
        "bytes": "YWJj",
        "3": 4,
        "null": 5,
        "true": 6,
        "(1, 2)": 7,
        "time": "2020-01-02T00:00:00Z",
    }
    assert cell.contents("display_data")[0]["data"] == {
        "application/json": expected,
        "text/html": "YWJj",
        "text/plain": 5,
        "application/x-json": None,
    }


def test_a_surrogate_in_a_display_is_replaced_by_one_character(run_and_check_kernel):
    cell = run_and_check_kernel("display({'text/plain': 'a\\udc80', 'application/json': {'\\ud800': 1}}, raw=True)")
    assert cell.contents("display_data")[0]["data"] == {"text/plain": "a\ufffd", "application/json": {"\ufffd": 1}}


@pytest.mark.parametrize("code", ["Hangs()", "display(Hangs())", "[Hangs()]", "HangsAsHtml()", "print(Hangs())"])
def test_a_repr_that_hangs_can_be_interrupted_and_the_kernel_lives(sandbox, run_and_check_kernel, code):
    msg_id = sandbox.send("print('begun')\n" + code)
    sandbox.wait_text("begun")
    sandbox.interrupt(msg_id)
    assert sandbox.finish(msg_id, 30).reply["ename"] == "KeyboardInterrupt"
    assert sandbox.run("kept").result == "'kept'"
    assert run_and_check_kernel(code, timeout=0.5).reply["failure"] == {
        "code": "TimedOut",
        "params": {"timeout": 0.5, "killed": False},
    }


def test_an_exception_that_hangs_when_it_is_shown_takes_two_presses_and_the_kernel_lives(sandbox, run_and_check_kernel):
    msg_id = sandbox.send(
        "class Slow(Exception):\n    def __str__(self):\n        print('begun')\n        while True: time.sleep(0.01)\nraise Slow"
    )
    for _ in range(2):  # IPython asks the exception again
        sandbox.wait_text("begun")
        sandbox.interrupt(msg_id)
    assert sandbox.finish(msg_id, 30).reply["status"] == "error"
    assert sandbox.run("kept").result == "'kept'"


@pytest.mark.parametrize(
    "code",
    [
        "'x' * 20_000_000",
        "display({'text/html': 'x' * 20_000_000, 'text/plain': 'y'}, raw=True)",
        "display({'application/json': ['x' * 1000] * 20_000}, raw=True)",
        "display('y', metadata={'a': 'x' * 20_000_000})",
    ],
)
def test_a_display_that_is_too_long_is_counted(run_and_check_kernel, code):
    cell = run_and_check_kernel(code)
    notice = cell.contents("notice")[-1]
    assert (
        notice["code"] == "OutputDropped"
        and notice["params"]["bytes"] >= 20_000_000
        and notice["params"]["total"] == notice["params"]["bytes"]
    )
    assert not cell.contents("execute_result") and not cell.contents("display_data")


def test_an_exception_with_a_very_long_text_is_shown_shortened(run_and_check_kernel):
    cell = run_and_check_kernel("raise ValueError('x' * 20_000_000)")
    (error,) = cell.contents("error")
    assert len(error["evalue"]) < 200_000 and "… 20000000 characters in all …" in error["evalue"]
    assert cell.reply["ename"] == "ValueError" and cell.reply["evalue"] == error["evalue"]


def test_a_very_long_help_is_shown_shortened(run_and_check_kernel):
    (page,) = run_and_check_kernel("def f(): pass\nf.__doc__ = 'x' * 20_000_000\nf?").reply["payload"]
    assert 500_000 < len(page["data"]["text/plain"]) < 2_000_000


@pytest.mark.parametrize(
    "code",
    [
        "{'source': object()}",
        "{'source': circle}",
        "{'source': 'set_next_input', 'text': 'x' * 20_000_000}",
        "'no dict'",
    ],
)
def test_a_payload_that_cannot_be_sent_is_reported_and_the_kernel_lives(run_and_check_kernel, code):
    cell = run_and_check_kernel(
        "get_ipython().payload_manager.write_payload({'source': 'x', 'text': 'good'})\nget_ipython().payload_manager.write_payload(%s)"
        % code
    )
    assert "payload" in cell.text("stderr") or cell.reply["ename"] == "TypeError"
    assert cell.reply["payload"] == [{"source": "x", "text": "good"}]


def test_a_very_long_prompt_is_shown(sandbox, run_and_check_kernel):
    msg_id = sandbox.send("input('x' * 1_000_000)")
    content = sandbox.stream.wait(lambda e: e["msg_type"] == "input_request")["content"]
    assert len(content["prompt"]) < 100_000
    sandbox.answer("yes", content["request"])
    assert sandbox.finish(msg_id).result == "'yes'"


def test_a_message_that_a_library_sends_itself_is_checked_too(run_and_check_kernel):
    cell = run_and_check_kernel(
        "get_ipython().kernel.session.send(None, 'display_data', {'data': {'text/plain': 'x'}})"
    )
    assert cell.contents("display_data")[0] == {"data": {"text/plain": "x"}, "metadata": {}, "transient": {}}
    assert (
        run_and_check_kernel("get_ipython().kernel.session.send(None, 'display_data', {'data': 5})").reply["ename"]
        == "TypeError"
    )

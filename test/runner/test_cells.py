"""The basics of cells: state, results, errors, magics, shell lines and await."""

import json
import re

import pytest

pytestmark = pytest.mark.smoke


def test_variables_live_from_cell_to_cell(sandbox):
    sandbox.run("x, y = 6, 7")
    assert sandbox.run("x * y").result == "42"


def test_functions_and_classes_live_from_cell_to_cell(sandbox):
    sandbox.run("class Counter:\n    def __init__(self): self.n = 0\n    def add(self, k): self.n += k; return self")
    sandbox.run("c = Counter().add(100)\ndef twice(v): return 2 * v")
    assert sandbox.run("twice(c.add(10).n)").result == "220"


def test_the_execution_count_is_ipythons(sandbox):
    counts = [sandbox.run("pass").reply["execution_count"] for _ in range(3)]
    assert counts == [1, 2, 3]
    assert sandbox.run("2").contents("execute_result")[0]["execution_count"] == 4
    assert sandbox.run("In[4], Out[4], _4").result == "('2', 2, 2)"


def test_an_error_is_ipythons_traceback_and_leaves_state(sandbox):
    sandbox.run("x = 10")
    cell = sandbox.run("x / 0")
    (error,) = cell.contents("error")
    assert error["ename"] == "ZeroDivisionError"
    assert error["evalue"] == "division by zero"
    assert "----> 1" in "".join(error["traceback"]) or "\u001b" in "".join(error["traceback"])
    assert cell.reply["status"] == "error" and cell.reply["ename"] == "ZeroDivisionError"
    assert sandbox.run("x").result == "10"


@pytest.mark.parametrize(
    "code, name",
    [
        ("1 +", "SyntaxError"),
        ("  x = 1\n y = 2", "IndentationError"),
        ("%nosuchmagic_", None),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_every_error_ends_its_cell(sandbox, code, name):
    cell = sandbox.run(code)
    if name:
        assert cell.reply["ename"] == name
    assert sandbox.run("1").result == "1"


def test_a_result_has_its_mime_types(sandbox):
    sandbox.run(
        "class R:\n    def _repr_html_(self): return '<b>r</b>'\n    def __repr__(self): return 'r'\n    def _repr_png_(self): return b'\\x89PNG'"
    )
    data = sandbox.run("R()").contents("execute_result")[0]["data"]
    assert data == {"text/plain": "r", "text/html": "<b>r</b>", "image/png": "iVBORw=="}


def test_display_can_be_updated(sandbox):
    cell = sandbox.run(
        "h = display('a', display_id='d'); h.update('b'); from IPython.display import clear_output; clear_output(wait=True)"
    )
    assert [
        e["msg_type"] for e in cell.events if e["msg_type"] in ("display_data", "update_display_data", "clear_output")
    ] == ["display_data", "update_display_data", "clear_output"]
    assert cell.contents("update_display_data")[0]["transient"] == {"display_id": "d"}
    assert cell.contents("clear_output") == [{"wait": True}]


def test_magics_work(sandbox):
    assert sandbox.run("%pwd").result in ("'/sandbox'", repr(str(sandbox.place.home)))
    sandbox.run("a_variable = 1")
    assert "a_variable" in sandbox.run("%who").text()
    assert "Wall time" in sandbox.run("%time sum(range(10))").text()
    assert "hello" in sandbox.run("%%bash\necho hello").text()
    sandbox.run("%%writefile there.py\nvalue = 5")
    assert sandbox.run("import there; there.value").result == "5"
    assert (
        "captured" in sandbox.run("%%capture out\nprint('captured')").text() + sandbox.run("print(out.stdout)").text()
    )


def test_reset_magic_empties_the_namespace(sandbox):
    sandbox.run("x = 1")
    sandbox.run("%reset -f")
    assert sandbox.run("x").reply["ename"] == "NameError"


def test_a_shell_line_prints(sandbox):
    assert "hello" in sandbox.run("!echo hello").text()
    assert sandbox.run("files = !echo a; echo b\nlist(files)").result == "['a', 'b']"


def test_top_level_await_works_and_tasks_continue_between_cells(sandbox):
    sandbox.run(
        "import asyncio\nticks = []\nasync def tick():\n    while True:\n        ticks.append(1); await asyncio.sleep(0.01)"
    )
    sandbox.run("await asyncio.sleep(0); t = asyncio.create_task(tick())")
    sandbox.run("await asyncio.sleep(0.1)")
    before = int(sandbox.run("len(ticks)").result)
    sandbox.run("import time; await asyncio.sleep(0.1)")
    assert int(sandbox.run("len(ticks)").result) > before > 2
    sandbox.run("t.cancel()")


def test_a_result_that_could_not_be_shown_does_not_fail_later_cells(sandbox):
    assert sandbox.run("class A:\n    def __repr__(self): raise ValueError('no')\nA()").reply["ename"] == "ValueError"
    for code in ("import asyncio; await asyncio.sleep(0)", "1", "await asyncio.sleep(0)"):
        assert sandbox.run(code).reply["status"] == "ok"


def test_callbacks_for_the_end_of_a_cell_are_called_after_a_cell_that_awaits(sandbox):
    sandbox.run(
        "events = get_ipython().events\nfor name in ('post_execute', 'post_run_cell'): events.register(name, lambda *of, name=name: print(name, *(one.success for one in of)))"
    )
    assert sandbox.run("import asyncio; await asyncio.sleep(0)").text() == "post_execute\npost_run_cell True\n"
    assert sandbox.run("await asyncio.sleep(0); 1 / 0").text() == "post_execute\npost_run_cell False\n"


def test_a_signal_handler_of_an_event_loop_works_in_later_cells(sandbox):
    sandbox.run(
        "import asyncio, os, signal\nheard = []\nasyncio.get_event_loop().add_signal_handler(signal.SIGUSR1, heard.append, 1)"
    )
    assert (
        sandbox.run(
            "os.kill(os.getpid(), signal.SIGUSR1)\nfor _ in range(100):\n    if heard: break\n    await asyncio.sleep(0.05)\nheard"
        ).result
        == "[1]"
    )
    assert sandbox.run("len(heard)").result == "1"


def test_a_cells_code_is_transformed_once(sandbox):
    sandbox.run("seen = []\nget_ipython().input_transformers_cleanup.append(lambda lines: seen.append(lines) or lines)")
    for code in ("1", "import asyncio; await asyncio.sleep(0)", "get_ipython().run_cell('2');"):
        sandbox.run("del seen[:]")
        sandbox.run(code)
        assert sandbox.run("len(seen)").result == str(len([code] + ["2"] * ("run_cell" in code)) + 1)


def test_a_plot_is_an_image(sandbox):
    cell = sandbox.run("import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()", seconds=120)
    (display,) = cell.contents("display_data")
    assert display["data"]["image/png"].startswith("iVBOR")
    assert sandbox.run("plt.plot([3, 1])").contents("display_data")


def test_libraries_recognize_a_notebook(sandbox):
    assert sandbox.run("get_ipython().__class__.__name__").result == "'ZMQInteractiveShell'"
    assert sandbox.run("'IPKernelApp' in get_ipython().config").result == "True"
    assert (
        sandbox.run(
            "get_ipython().kernel.get_parent()['header']['msg_type'], get_ipython().kernel.shell is get_ipython()"
        ).result
        == "('execute_request', True)"
    )
    assert "no 'io_loop'" in sandbox.run("get_ipython().kernel.io_loop").reply["evalue"]
    sandbox.run("def f(): pass")
    assert "ipykernel_" in sandbox.run("f.__code__.co_filename").result


def test_tracebacks_and_sources_name_the_cell(sandbox):
    sandbox.run("def broken():\n    return 1 / 0")
    cell = sandbox.run("broken()")
    text = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(cell.reply["traceback"]))
    assert "In[1], line 2" in text.replace("In [1]", "In[1]") and "In[2], line 1" in text.replace("In [2]", "In[2]")
    assert "return 1 / 0" in sandbox.run("import inspect; print(inspect.getsource(broken))").text()


def test_exit_leads_to_a_fresh_kernel(sandbox):
    sandbox.run("x = 1")
    cell = sandbox.run("exit()")
    assert cell.reply["status"] == "ok"
    assert cell.reply["payload"][0]["source"] == "ask_exit"
    assert sandbox.run("x").reply["ename"] == "NameError"


def test_completion_and_inspection_are_answered_while_the_kernel_is_idle(sandbox):
    sandbox.run("a_long_name = 1")
    request = sandbox.stream.send("complete_request", {"code": "x = 1\na_lon", "cursor_pos": 11}, "shell")
    content = sandbox.stream.wait(
        lambda e: e["msg_type"] == "complete_reply" and e["parent_header"]["msg_id"] == request
    )["content"]
    assert content["matches"] == ["a_long_name"] and (content["cursor_start"], content["cursor_end"]) == (6, 11)
    request = sandbox.stream.send("inspect_request", {"code": "len", "cursor_pos": 3, "detail_level": 0}, "shell")
    content = sandbox.stream.wait(
        lambda e: e["msg_type"] == "inspect_reply" and e["parent_header"]["msg_id"] == request
    )["content"]
    assert content["found"] and "number of items" in json.dumps(content["data"])


def test_completion_knows_the_live_names_when_jedi_takes_too_long(sandbox):
    sandbox.run("a_long_name = 1\nimport jedi, time\njedi.Interpreter.complete = lambda *_, **__: time.sleep(60)")
    request = sandbox.stream.send("complete_request", {"code": "x = 1\na_lon", "cursor_pos": 11}, "shell")
    content = sandbox.stream.wait(
        lambda e: e["msg_type"] == "complete_reply" and e["parent_header"]["msg_id"] == request
    )["content"]
    assert content["matches"] == ["a_long_name"] and (content["cursor_start"], content["cursor_end"]) == (6, 11)
    assert sandbox.run("get_ipython().Completer.use_jedi").result == "True"


@pytest.mark.parametrize(
    "swallows",
    [
        "try: time.sleep(60)\n        except BaseException: time.sleep(60)",
        "class Gone:\n            def __del__(self): time.sleep(60)\n        Gone(); time.sleep(60)",
    ],
)
def test_completion_ends_if_an_object_swallows_the_timeout(sandbox, swallows):
    sandbox.run(
        "import time\nget_ipython().Completer.use_jedi = False\nclass Slow:\n    def __dir__(self):\n        %s\nslow = Slow()"
        % swallows
    )
    request = sandbox.stream.send("complete_request", {"code": "slow.", "cursor_pos": 5}, "shell")
    sandbox.stream.wait(lambda e: e["msg_type"] == "complete_reply" and e["parent_header"]["msg_id"] == request, 30)
    assert sandbox.run("1").result == "1"


def test_a_failed_inspection_is_answered_too(sandbox):
    sandbox.run("def fails(*_, **__): raise ValueError('no')\nget_ipython().object_inspect_mime = fails")
    request = sandbox.stream.send("inspect_request", {"code": "len", "cursor_pos": 3, "detail_level": 0}, "shell")
    content = sandbox.stream.wait(
        lambda e: e["msg_type"] == "inspect_reply" and e["parent_header"]["msg_id"] == request
    )["content"]
    assert content["status"] == "error"


@pytest.mark.parametrize(
    "kind, content",
    [
        ("complete", {"code": "loud.", "cursor_pos": 5}),
        ("inspect", {"code": "loud", "cursor_pos": 4, "detail_level": 0}),
    ],
)
def test_text_that_an_object_prints_during_completion_is_in_no_cell(sandbox, kind, content):
    cell = sandbox.run(
        "class Loud:\n    def __dir__(self): print('asked'); display('asked'); 1 / 0\n    def __repr__(self): print('asked'); return 'loud'\nloud = Loud()"
    )
    request = sandbox.stream.send(kind + "_request", content, "shell")
    sandbox.stream.wait(lambda e: e["msg_type"] == kind + "_reply" and e["parent_header"]["msg_id"] == request)
    assert sandbox.run("print('on')").text() == "on\n"
    assert [
        e["msg_type"]
        for e in sandbox.stream.log
        if e["parent_header"]["msg_id"] == cell.msg_id and e["msg_type"] in ("stream", "display_data")
    ] == []


def test_completion_is_busy_at_once_while_a_cell_runs(sandbox):
    cell = sandbox.send("import time; time.sleep(1)")
    sandbox.started(cell)
    request = sandbox.stream.send("complete_request", {"code": "pri", "cursor_pos": 3}, "shell")
    assert (
        sandbox.stream.wait(
            lambda e: e["msg_type"] == "complete_reply" and e["parent_header"]["msg_id"] == request, 0.8
        )["content"]["status"]
        == "busy"
    )
    sandbox.finish(cell)


def test_help_is_a_page_payload(sandbox):
    (payload,) = sandbox.run("len?").reply["payload"]
    assert payload["source"] == "page" and "number of items" in payload["data"]["text/plain"]


def test_the_root_logger_belongs_to_the_user(sandbox):
    assert sandbox.run("import logging; logging.getLogger().handlers, logging.getLogger().level").result == "([], 30)"
    assert sandbox.run("logging.info('quiet'); logging.warning('loud')").text("stderr") == "WARNING:root:loud\n"


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.stdout = open('/dev/null', 'w'); sys.stdout.close(); 1/0",
        "import sys; sys.stderr = None; 1/0",
        "get_ipython().showtraceback = None; get_ipython().run_cell = None",
        "class E(Exception):\n    def _render_traceback_(self): return [1, None]\nraise E",
    ],
)
def test_errors_are_shown_even_if_a_cell_has_broken_ipython(new_sandbox, code):
    sandbox = new_sandbox()
    sandbox.run(code)
    assert sandbox.run("1/0").order[-1][0] == "error"
    assert sandbox.run("import asyncio; await asyncio.sleep(0); 1/0").order[-1][0] == "error"


@pytest.mark.parametrize(
    "fork",
    [
        "asyncio.get_running_loop().call_later(0.05, forked)",
        "async def task():\n    await asyncio.sleep(0.05)\n    forked()\n    await asyncio.sleep(0.05)\nkept = asyncio.create_task(task())",
        "asyncio.get_running_loop().call_later(0.05, lambda: ctypes.CDLL(None).fork())",
    ],
)
def test_a_fork_between_cells_does_not_become_a_second_kernel(sandbox, fork):
    sandbox.run("import asyncio, ctypes, os\ndef forked(): os.fork()\nkernel = os.getpid()\n" + fork)
    sandbox.run("import time; time.sleep(0.2)")
    sandbox.run("await asyncio.sleep(0.2)")
    for _ in range(6):
        assert sandbox.run("os.getpid() == kernel", seconds=10).result == "True"
        assert (
            sandbox.run("await asyncio.to_thread(abs, -1) if hasattr(asyncio, 'to_thread') else 1", seconds=10).result
            == "1"
        )


@pytest.mark.parametrize("wait", ["", "\nimport asyncio; await asyncio.sleep(0.1)"])
def test_a_fork_that_continues_does_not_become_a_second_kernel(sandbox, wait):
    cell = sandbox.run("import os\nwho = 'parent' if os.fork() else 'child'" + wait)
    assert cell.reply["status"] == "ok"
    assert {sandbox.run("who").result for _ in range(20)} == {"'parent'"}

"""``input()`` and ``getpass()``."""

import time

import pytest


@pytest.mark.smoke
def test_input_gets_the_answer(sandbox):
    msg_id = sandbox.send("name = input('Name? ')\nname.upper()")
    content = sandbox.stream.wait(lambda e: e["msg_type"] == "input_request")["content"]
    assert content["prompt"] == "Name? " and content["password"] is False
    sandbox.answer("ada", content["request"])
    cell = sandbox.finish(msg_id)
    assert cell.result == "'ADA'" and cell.text() == ""


def test_getpass_asks_for_a_password(sandbox):
    msg_id = sandbox.send("import getpass; getpass.getpass('Secret: ')")
    content = sandbox.stream.wait(lambda e: e["msg_type"] == "input_request")["content"]
    assert content["prompt"] == "Secret: " and content["password"] is True
    sandbox.answer("s", content["request"])
    assert sandbox.finish(msg_id).result == "'s'"


def test_an_answer_to_another_prompt_is_not_taken(sandbox):
    msg_id = sandbox.send("[input('a'), input('b')]")
    first = sandbox.stream.wait(lambda e: e["msg_type"] == "input_request")["content"]["request"]
    sandbox.answer("wrong", "no-such-request")
    sandbox.answer("1", first)
    second = sandbox.stream.wait(lambda e: e["msg_type"] == "input_request")["content"]["request"]
    sandbox.answer("again", first)
    sandbox.answer("2", second)
    assert sandbox.finish(msg_id).result == "['1', '2']"


def test_without_allow_stdin_a_prompt_is_an_error(sandbox):
    assert sandbox.run("input()", allow_stdin=False).reply["ename"] == "StdinNotImplementedError"


def test_an_interrupted_prompt_ends_its_cell_and_takes_no_answer(sandbox):
    msg_id = sandbox.send("input('? ')")
    request = sandbox.stream.wait(lambda e: e["msg_type"] == "input_request")["content"]["request"]
    sandbox.interrupt(msg_id)
    assert sandbox.finish(msg_id).reply["ename"] == "KeyboardInterrupt"
    sandbox.answer("late", request)
    assert sandbox.run("1").result == "1"


def request_of(sandbox, cell, seconds=20):
    return sandbox.stream.wait(
        lambda e: e["msg_type"] == "input_request" and e["parent_header"]["msg_id"] == cell, seconds
    )["content"]


WAYS = {
    "a thread that the cell joins": "t = threading.Thread(target=lambda: print(input('t? '))); t.start(); t.join()",
    "a thread while the cell computes": "t = threading.Thread(target=lambda: print(input('t? '))); t.start()\nwhile t.is_alive(): pass",
    "a thread that the cell awaits": "print(await asyncio.to_thread(input, 't? '))",
    "a pool": "with concurrent.futures.ThreadPoolExecutor() as pool: print(*pool.map(input, ['t? ']))",
    "a task": "async def ask(): print(input('t? '))\nawait asyncio.create_task(ask())",
}
IMPORTS = "import asyncio, concurrent.futures, threading, time\n"


@pytest.mark.parametrize("way", WAYS)
def test_input_gets_the_answer_in_every_kind_of_code(sandbox, way):
    for i in range(5):
        cell = sandbox.send(IMPORTS + WAYS[way], timeout=30)
        sandbox.answer("answer %d" % i, request_of(sandbox, cell)["request"])
        assert sandbox.finish(cell, 20).text() == "answer %d\n" % i
    assert sandbox.run("6 * 7", seconds=20).result == "42"


def test_prompts_of_several_threads_are_asked_one_after_the_other(sandbox):
    cell = sandbox.send(
        IMPORTS
        + "with concurrent.futures.ThreadPoolExecutor() as pool: answers = pool.map(input, 'abcd')\nsorted(answers)"
    )
    for _ in range(4):
        content = request_of(sandbox, cell)
        sandbox.answer(content["prompt"].upper(), content["request"])
    assert sandbox.finish(cell, 20).result == "['A', 'B', 'C', 'D']"


def test_a_prompt_that_outlives_its_cell_ends_and_takes_no_answer_of_later_cells(sandbox):
    code = (
        IMPORTS
        + "heard = []\ndef ask():\n    try: input('? ')\n    except BaseException as e: heard.append(type(e).__name__)\n"
    )
    cell = sandbox.send(
        code
        + "threads = [threading.Thread(target=ask) for _ in range(3)]\nfor t in threads: t.start()\ntime.sleep(0.5)"
    )
    request = request_of(sandbox, cell)["request"]
    sandbox.finish(cell)
    sandbox.answer("late", request)
    for i in range(4):
        assert sandbox.run(str(i), seconds=20).result == str(i)
    assert (
        sandbox.run("for t in threads: t.join(10)\nheard", seconds=40).result == "['EOFError', 'EOFError', 'EOFError']"
    )


def test_a_thread_that_asks_while_no_cell_runs_is_refused(sandbox):
    sandbox.run(
        IMPORTS
        + "heard = []\ndef ask():\n    time.sleep(0.5)\n    try: input('? ')\n    except BaseException as e: heard.append(type(e).__name__)\nt = threading.Thread(target=ask); t.start()"
    )
    time.sleep(1)
    assert sandbox.run("t.join(10); heard", seconds=20).result == "['StdinNotImplementedError']"


@pytest.mark.parametrize("way", WAYS)
def test_one_press_ends_the_prompts_of_all_threads(sandbox, way):
    cell = sandbox.send(IMPORTS + WAYS[way])
    request = request_of(sandbox, cell)["request"]
    sandbox.interrupt(cell)
    assert sandbox.finish(cell, 20).reply["status"] == "error"
    sandbox.answer("late", request)
    assert sandbox.run("6 * 7", seconds=20).result == "42"


def test_an_install_in_a_thread_gets_its_answers(sandbox):
    code = "def install(): get_ipython().run_line_magic('pip', 'install six')\nawait asyncio.to_thread(install); print('after')"
    for _ in range(5):
        cell = sandbox.send(IMPORTS + code)
        asked = sandbox.stream.wait(lambda e: e["msg_type"] == "install_request", 20)["content"]
        sandbox.stream.send("install_output", {"request": asked["request"], "text": "Collecting six\n"}, "stdin")
        sandbox.stream.send("install_reply", {"request": asked["request"], "status": "ok", "reason": ""}, "stdin")
        assert sandbox.finish(cell, 20).text() == "Collecting six\nafter\n"

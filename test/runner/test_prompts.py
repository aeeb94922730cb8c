"""``input()`` and ``getpass()``."""

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

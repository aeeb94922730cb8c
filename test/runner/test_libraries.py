"""What libraries expect of a Jupyter kernel apart from displays."""


def test_a_display_message_that_a_library_makes_itself_is_sent(sandbox):
    cell = sandbox.run(
        "ip = get_ipython()\n"
        "content = {'data': {'text/plain': 'by hand'}, 'metadata': {}, 'transient': {'display_id': 'd'}}\n"
        "ip.kernel.session.send(ip.kernel.iopub_socket, 'display_data', content, parent=ip.parent_header)"
    )
    assert [content["data"] for content in cell.contents("display_data")] == [{"text/plain": "by hand"}]
    assert "cannot send" in sandbox.run("ip.kernel.session.send(None, 'execute_reply', {})").reply["evalue"]


def test_display_hooks_change_or_drop_messages_until_they_are_removed(sandbox):
    sandbox.run(
        "publisher = get_ipython().display_pub\n"
        "def shouts(message):\n"
        "    message['content']['data'] = {'text/plain': message['content']['data']['text/plain'].upper()}\n"
        "    return message\n"
        "def takes(message): return None"
    )
    assert (
        sandbox.run("publisher.register_hook(shouts); display('a')").contents("display_data")[0]["data"]["text/plain"]
        == "'A'"
    )
    assert sandbox.run("publisher.register_hook(takes); display('a')").contents("display_data") == []
    assert (
        sandbox.run(
            "publisher.unregister_hook(takes), publisher.unregister_hook(takes), publisher.unregister_hook(shouts)"
        ).result
        == "(True, False, True)"
    )
    assert sandbox.run("display('a')").contents("display_data")[0]["data"]["text/plain"] == "'a'"


def test_a_display_of_a_thread_after_its_cell_belongs_to_the_cell_that_ran_last(sandbox):
    cell = sandbox.run("import threading; threading.Timer(0.2, display, ['late']).start()")
    event = sandbox.stream.wait(lambda event: event["msg_type"] == "display_data")
    assert event["parent_header"]["msg_id"] == cell.msg_id


def test_a_task_that_a_cell_created_runs_before_the_next_cell(sandbox):
    first = sandbox.send(
        "import asyncio\nturns = []\nasync def mine(): turns.append('task')\ntask = asyncio.ensure_future(mine())"
    )
    second = sandbox.send("turns")
    sandbox.finish(first)
    assert sandbox.finish(second).result == "['task']"


def test_a_result_that_cannot_be_shown_fails_the_cell(sandbox):
    cell = sandbox.run("class Broken:\n    def __repr__(self): raise ValueError('no words')\nBroken()")
    assert (cell.reply["status"], cell.reply["ename"], cell.reply["evalue"]) == ("error", "ValueError", "no words")
    assert sandbox.run("1").reply["status"] == "ok"


def test_breakpoint_stops_unless_the_environment_disables_it(sandbox):
    msg_id = sandbox.send("def f(x):\n    breakpoint()\n    return x\nf(1)")
    request = sandbox.stream.wait(lambda event: event["msg_type"] == "input_request")["content"]
    assert request["prompt"] == "ipdb> "
    sandbox.answer("c", request["request"])
    assert sandbox.finish(msg_id).result == "1"
    assert sandbox.run("import os; os.environ['PYTHONBREAKPOINT'] = '0'; f(2)").result == "2"


def test_an_interrupted_prompt_shows_no_code_of_the_runner(sandbox):
    msg_id = sandbox.send("input('? ')")
    sandbox.stream.wait(lambda event: event["msg_type"] == "input_request")
    sandbox.interrupt(msg_id)
    reply = sandbox.finish(msg_id).reply
    assert (reply["ename"], reply["evalue"]) == ("KeyboardInterrupt", "Interrupted by user")
    assert "sandboxed_ipython" not in "".join(reply["traceback"])


def test_the_magics_of_a_notebook_exist(sandbox):
    assert "No console" in sandbox.run("%qtconsole").reply["payload"][0]["data"]["text/plain"]
    assert "Missing filename" in sandbox.run("%less").text("stderr")
    sandbox.run("open('t.txt', 'w').write('paged')")
    assert sandbox.run("%less t.txt").reply["payload"][0]["data"]["text/plain"] == "paged"
    assert "integer" in sandbox.run("%autosave often").text("stderr")
    assert sandbox.run("%edit t.txt").reply["payload"][0]["source"] == "edit_magic"


def test_exit_can_keep_the_kernel(sandbox):
    sandbox.run("kept = 1")
    assert sandbox.run("exit(keep_kernel=True)").reply["payload"] == [{"source": "ask_exit", "keepkernel": True}]
    assert sandbox.run("kept").result == "1"


def test_lone_surrogates_are_printed_as_replacement_characters(sandbox):
    assert sandbox.run("print('a\\ud800b')").text() == "a\ufffdb\n"

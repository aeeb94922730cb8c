"""Order, timeliness and bounds of what a cell prints."""

import time

import pytest


def test_python_and_raw_writes_keep_their_order(sandbox):
    cell = sandbox.run(
        "import os, sys\nfor i in range(40):\n    print('p%d' % i); os.write(1, b'w%d\\n' % i); print('e%d' % i, file=sys.stderr); os.write(2, b'r%d\\n' % i); display(i)"
    )
    expected = []
    for i in range(40):
        expected += [("stdout", "p%d\nw%d\n" % (i, i)), ("stderr", "e%d\nr%d\n" % (i, i)), ("display_data", str(i))]
    assert cell.order == expected


def test_output_is_seen_while_the_cell_runs(sandbox):
    cell = sandbox.send("print('now', end=''); import time; time.sleep(2)")
    start = time.monotonic()
    sandbox.wait_text("now", 1.5)
    assert time.monotonic() - start < 1.5
    sandbox.finish(cell)


def test_text_printed_before_a_call_that_holds_the_gil_is_seen_at_once(sandbox):
    cell = sandbox.send("import ctypes; print('before'); ctypes.PyDLL(None).sleep(2)")
    sandbox.wait_text("before", 1.5)
    sandbox.finish(cell)


def test_output_of_c_code_and_child_processes_is_in_the_cell(sandbox):
    cell = sandbox.run(
        "import ctypes, subprocess, sys; ctypes.CDLL(None).puts(b'from c')\nsubprocess.run([sys.executable, '-c', 'import sys; print(1); print(2, file=sys.stderr)'])"
    )
    assert "from c" in cell.text() and "1\n" in cell.text() and "2\n" in cell.text("stderr")


def test_output_of_forked_children_is_in_the_cell(sandbox):
    cell = sandbox.run("import os\nif os.fork() == 0:\n    print('child'); os._exit(0)\nos.wait(); print('parent')")
    assert cell.text() == "child\nparent\n"


def test_multiprocessing_works(sandbox):
    cell = sandbox.run(
        "import multiprocessing as m\ndef f(x): return x * x\nwith m.get_context('fork').Pool(2) as p: print(p.map(f, [1, 2, 3]))"
    )
    assert cell.text() == "[1, 4, 9]\n"


def test_late_text_of_a_thread_belongs_to_the_running_cell(sandbox):
    sandbox.run(
        "import threading, time\ndef late():\n    time.sleep(0.3); print('late')\nthreading.Thread(target=late).start()"
    )
    assert sandbox.run("time.sleep(0.6)").text() == "late\n"


def test_late_text_of_a_task_belongs_to_the_cell_that_created_it(sandbox):
    first = sandbox.send(
        "import asyncio\nasync def late():\n    await asyncio.sleep(0.3); print('late')\nawait asyncio.sleep(0); t = asyncio.create_task(late())"
    )
    sandbox.finish(first)
    assert sandbox.run("await asyncio.sleep(0.6)").text() == ""
    texts = [
        e["content"]["text"]
        for e in sandbox.stream.log
        if e["msg_type"] == "stream" and e["parent_header"]["msg_id"] == first
    ]
    assert "".join(texts) == "late\n"


def test_closing_descriptors_loses_no_print(sandbox):
    assert sandbox.run("import os, sys; os.close(1); sys.stdout.close(); print('still here')").text() == "still here\n"


def test_odd_text_arrives(sandbox):
    assert (
        sandbox.run("print('ä€😀\\0|'); import sys; sys.stdout.buffer.write('ü\\n'.encode())").text() == "ä€😀\0|\nü\n"
    )
    assert sandbox.run("print('\\udcff')").reply["status"] == "ok"
    assert sandbox.run("import os; os.write(1, b'\\xff\\xc3'); os.write(1, b'\\xa4')").text() == "\ufffdä"


def test_100_000_lines_arrive_in_few_events(sandbox):
    start = time.monotonic()
    cell = sandbox.run("for i in range(100_000): print(i)")
    seconds = time.monotonic() - start
    assert cell.text() == "".join("%d\n" % i for i in range(100_000))
    assert len(cell.events) < len(cell.text()) / 65536 + seconds / 0.05 + 15


def test_many_short_prints_become_few_events_and_the_next_text_is_seen_at_once(sandbox):
    start = time.monotonic()
    cell = sandbox.run("import time\nfor i in range(300): print(i); time.sleep(0.002)")
    assert len(cell.events) < (time.monotonic() - start) / 0.05 + 15
    msg_id = sandbox.send(
        "for i in range(2000): print(i)\nimport ctypes; time.sleep(0.5); print('last'); ctypes.PyDLL(None).sleep(2)"
    )
    sandbox.wait_text("last", 2.0)
    sandbox.finish(msg_id)


def test_switching_between_streams_does_not_wait_for_the_pause_of_a_burst(sandbox):
    cell = sandbox.run("""
import sys, time
for i in range(20_000): print(i)
start = time.monotonic()
for i in range(300): print(i); print(i, file=sys.stderr)
time.monotonic() - start
""")
    assert float(cell.result) < 7  # a pause is 0.05 s
    assert cell.text("stderr") == "".join("%d\n" % i for i in range(300))


def test_a_large_display_arrives_whole(sandbox):
    cell = sandbox.run("from IPython.display import HTML; display(HTML('<p>' + 'ä' * 1_000_000)); print('after')")
    assert cell.contents("display_data")[0]["data"]["text/html"] == "<p>" + "ä" * 1_000_000
    assert [part[0] for part in cell.order] == ["display_data", "stdout"]


def test_a_large_cell_arrives_whole(sandbox):
    assert sandbox.run("s = '''" + "x" * 1_000_000 + "'''\nlen(s)").result == "1000000"


REDRAW = "from IPython.display import HTML, clear_output\nimport time\n"


def drawings(cell):
    """Returns what the cell shows after each event that shows something, in order."""
    shown, texts, cleared = [], "", False
    for event in cell.events:
        content = event["content"]
        text = content.get("text") or content.get("data", {}).get("text/html", "")
        if event["msg_type"] == "clear_output":
            cleared = True
        elif event["msg_type"] in ("stream", "display_data"):
            texts, cleared = ("" if cleared else texts) + text, False
            shown.append(texts)
    return shown


@pytest.mark.parametrize("length", [1, 200_000])
def test_a_loop_that_redraws_as_fast_as_it_can_costs_little_and_shows_its_last_drawing(new_sandbox, length):
    sandbox = new_sandbox(max_output=1_000_000)
    start = time.monotonic()
    cell = sandbox.run(
        REDRAW
        + "for i in range(200):\n    clear_output(wait=True); display(HTML('%%d ' %% i + 'y' * %d)); print('drawn', i)"
        % length
    )
    shown = drawings(cell)
    assert shown[-1] == "199 " + "y" * length + "drawn 199\n" and not cell.contents("notice")
    clears = len(cell.contents("clear_output"))
    assert clears <= (time.monotonic() - start) * 20 + 2 and clears < 200


@pytest.mark.parametrize("wait", ["time.sleep(0.4)", "pass"])
def test_a_drawing_stays_until_the_next_one_if_the_clear_follows_it(sandbox, wait):
    cell = sandbox.run(REDRAW + "for i in range(200):\n    print(i); clear_output(wait=True)\n" + wait)
    assert drawings(cell)[-1] == "199\n" and len(cell.contents("clear_output")) < 150
    cell = sandbox.run("for letter in 'ABC':\n    print(letter); clear_output(wait=True)")
    assert drawings(cell)[-1] == "C\n"
    cell = sandbox.run(
        "for letter in 'ABC':\n    print(letter); clear_output(wait=True); clear_output(wait=True); clear_output()"
    )
    assert cell.contents("clear_output")[-1] == {"wait": False}


@pytest.mark.parametrize("length", [1, 200_000])
def test_a_display_that_is_updated_as_fast_as_it_can_costs_little_and_shows_its_last_state(new_sandbox, length):
    sandbox = new_sandbox(max_output=1_000_000)
    start = time.monotonic()
    cell = sandbox.run(
        "a, b = display(1, display_id=True), display(2, display_id=True)\nfor i in range(200):\n    a.update({'text/plain': '%%d ' %% i + 'y' * %d}, raw=True); b.update(i)\nprint('behind')"
        % length
    )
    updates = [content["data"]["text/plain"] for content in cell.contents("update_display_data")]
    assert (
        updates[-2:] == ["199 " + "y" * length, "199"]
        and cell.order[-1] == ("stdout", "behind\n")
        and not cell.contents("notice")
    )
    assert len(updates) <= 2 * ((time.monotonic() - start) * 20 + 2) and len(updates) < 400


def test_the_last_drawing_is_always_shown(sandbox):
    cell = sandbox.run(
        REDRAW
        + "for i in range(5):\n    clear_output(wait=True); print(i); time.sleep(0.3)\nclear_output(); clear_output(); print('last'); time.sleep(1)"
    )
    assert [text for text in drawings(cell) if text.endswith("\n")] == ["0\n", "1\n", "2\n", "3\n", "4\n", "last\n"]


def test_a_clear_does_not_drop_an_update_of_another_cells_display(sandbox):
    shown = sandbox.run("from IPython.display import clear_output, display\nother = display('old', display_id=True)")
    cell = sandbox.run(
        "clear_output(wait=True); print(1); clear_output(wait=True); other.update('new'); print(2); clear_output(wait=True); print(3)"
    )
    assert [content["data"]["text/plain"] for content in cell.contents("update_display_data")] == ["'new'"]
    assert drawings(cell)[-1] == "3\n" and shown.contents("display_data")


def test_a_prompt_or_message_after_a_drawing_comes_after_it(sandbox):
    for last, kind in (
        ("input('?')", "input_request"),
        ("1/0", "error"),
        ("kernel.send('comm_open', {'comm_id': 'x', 'target_name': 'x', 'data': {}})", "comm_open"),
    ):
        msg_id = sandbox.send(
            REDRAW
            + "kernel = get_ipython().sandbox\nfor i in range(20):\n    clear_output(wait=True); print(i)\n"
            + last
        )
        if kind == "input_request":
            sandbox.answer("")
        cell = sandbox.finish(msg_id)
        kinds = [event["msg_type"] for event in cell.events if event["msg_type"] in ("stream", kind)]
        assert kinds[-1] == kind and drawings(cell)[-1] == "19\n"


def test_a_forged_reply_for_another_cell_ends_nothing(sandbox):
    cell = sandbox.run(
        "get_ipython().sandbox.channel.send('execute_reply', {'status': 'ok'}, 'no-such-cell'); print('mine')"
    )
    assert cell.text() == "mine\n" and cell.reply["execution_count"] == 1


def test_invalid_packets_are_skipped(sandbox):
    cell = sandbox.run(
        "s = get_ipython().sandbox.channel.socket\nfor b in (b'{', b'[]', b'C\\n', b'Z', b'{\"msg_type\": 3}', b'{\"msg_type\": \"stream\", \"content\": 3}'): s.send(b)\nprint('fine')"
    )
    assert cell.text() == "fine\n"


def test_numbers_that_json_lacks_are_sent_as_text(sandbox):
    cell = sandbox.run(
        "from IPython.display import display\ndisplay({'application/json': {'a': [float('nan'), float('-inf')]}, 'text/plain': 'x'}, raw=True)"
    )
    assert cell.contents("display_data")[0]["data"]["application/json"] == {"a": ["nan", "-inf"]}


def test_a_packet_that_is_nested_too_deeply_to_be_encoded_again_is_skipped(new_sandbox):
    sandbox = new_sandbox()
    sandbox.run("""
k = get_ipython().sandbox
for n in range(900, 1000):
    k.channel.socket.send(('{"msg_type":"display_data","parent_header":{"msg_id":"%s"},"content":{"data":{"a/b":' % k.running + '['*n + ']'*n + '}}}').encode())
""")
    assert sandbox.run("6 * 7").result == "42"


def test_claims_of_a_kernel_while_no_cell_runs_change_nothing(sandbox):
    kinds = (
        "interrupt_taken",
        "comm_begun",
        "comm_done",
        "request_over",
        "execute_input",
        "execute_reply",
        "input_request",
    )
    sandbox.run(
        "import threading\nk = get_ipython().sandbox\ndef claim():\n    for kind in %r: k.channel.send(kind, {'request': '', 'status': 'ok'}, '')\nclaims = threading.Timer(0.3, claim); claims.start()"
        % (kinds,)
    )
    time.sleep(0.8)
    assert sandbox.run("claims.join(); 'same kernel'").result == "'same kernel'"


def test_a_forged_count_does_not_reach_a_hello(sandbox):
    sandbox.run(
        "k = get_ipython().sandbox\nfor n in (-1, 1 << 70): k.channel.send('execute_input', {'code': '', 'execution_count': n}, k.running)"
    )
    other = sandbox.attach(writer=False)
    try:
        assert 0 <= other.hello["kernels"]["main"]["execution_count"] < 2**53
    finally:
        other.close()

"""Order, liveness and bounds of what a cell prints."""

import time


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


def test_what_is_printed_before_a_call_that_holds_the_gil_is_seen_at_once(sandbox):
    cell = sandbox.send("import ctypes; print('before'); ctypes.PyDLL(None).sleep(2)")
    sandbox.wait_text("before", 1.5)
    sandbox.finish(cell)


def test_output_of_c_code_and_child_processes_is_in_the_cell(sandbox):
    cell = sandbox.run("import ctypes, subprocess, sys; ctypes.CDLL(None).puts(b'from c')\nsubprocess.run([sys.executable, '-c', 'import sys; print(1); print(2, file=sys.stderr)'])")
    assert "from c" in cell.text() and "1\n" in cell.text() and "2\n" in cell.text("stderr")


def test_output_of_forked_children_is_in_the_cell(sandbox):
    cell = sandbox.run("import os\nif os.fork() == 0:\n    print('child'); os._exit(0)\nos.wait(); print('parent')")
    assert cell.text() == "child\nparent\n"


def test_multiprocessing_works(sandbox):
    cell = sandbox.run("import multiprocessing as m\ndef f(x): return x * x\nwith m.get_context('fork').Pool(2) as p: print(p.map(f, [1, 2, 3]))")
    assert cell.text() == "[1, 4, 9]\n"


def test_a_threads_late_text_is_at_the_cell_that_runs(sandbox):
    sandbox.run("import threading, time\ndef late():\n    time.sleep(0.3); print('late')\nthreading.Thread(target=late).start()")
    assert sandbox.run("time.sleep(0.6)").text() == "late\n"


def test_a_tasks_late_text_is_at_the_cell_that_made_it(sandbox):
    first = sandbox.send("import asyncio\nasync def late():\n    await asyncio.sleep(0.3); print('late')\nawait asyncio.sleep(0); t = asyncio.create_task(late())")
    sandbox.finish(first)
    assert sandbox.run("await asyncio.sleep(0.6)").text() == ""
    texts = [e["content"]["text"] for e in sandbox.stream.log if e["msg_type"] == "stream" and e["parent_header"]["msg_id"] == first]
    assert "".join(texts) == "late\n"


def test_closing_descriptors_loses_no_print(sandbox):
    assert sandbox.run("import os, sys; os.close(1); sys.stdout.close(); print('still here')").text() == "still here\n"


def test_odd_text_arrives(sandbox):
    assert sandbox.run("print('ä€😀\\0|'); import sys; sys.stdout.buffer.write('ü\\n'.encode())").text() == "ä€😀\0|\nü\n"
    assert sandbox.run("print('\\udcff')").reply["status"] == "ok"
    assert sandbox.run("import os; os.write(1, b'\\xff\\xc3'); os.write(1, b'\\xa4')").text() == "\ufffdä"


def test_100_000_lines_arrive_in_few_events(sandbox):
    cell = sandbox.run("for i in range(100_000): print(i)")
    assert cell.text() == "".join("%d\n" % i for i in range(100_000))
    assert len(cell.events) < 2000


def test_a_large_display_arrives_whole(sandbox):
    cell = sandbox.run("from IPython.display import HTML; display(HTML('<p>' + 'ä' * 1_000_000)); print('after')")
    assert cell.contents("display_data")[0]["data"]["text/html"] == "<p>" + "ä" * 1_000_000
    assert [part[0] for part in cell.order] == ["display_data", "stdout"]


def test_a_large_cell_arrives_whole(sandbox):
    assert sandbox.run("s = '''" + "x" * 1_000_000 + "'''\nlen(s)").result == "1000000"


def test_output_over_the_limit_is_dropped_and_counted(new_sandbox):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.run("print('x' * 1_000_000)\nprint('end')")
    (notice,) = cell.contents("notice")
    assert notice["code"] == "OutputDropped" and notice["params"]["limit"] == 100_000
    assert notice["params"]["bytes"] + len(cell.text()) == 1_000_005
    assert sandbox.run("print('next')").text() == "next\n"


def test_redrawing_is_not_over_the_limit(new_sandbox):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.run("from IPython.display import clear_output\nfor i in range(10):\n    clear_output(wait=True); print('y' * 50_000)")
    assert not cell.contents("notice")


def test_a_forged_reply_of_another_cell_ends_nothing(sandbox):
    cell = sandbox.run("get_ipython().sandbox.channel.send('execute_reply', {'status': 'ok'}, 'no-such-cell'); print('mine')")
    assert cell.text() == "mine\n" and cell.reply["execution_count"] == 1


def test_packets_that_make_no_sense_are_skipped(sandbox):
    cell = sandbox.run("s = get_ipython().sandbox.channel.socket\nfor b in (b'{', b'[]', b'C\\n', b'Z', b'{\"msg_type\": 3}', b'{\"msg_type\": \"stream\", \"content\": 3}'): s.send(b)\nprint('fine')")
    assert cell.text() == "fine\n"


def test_numbers_that_json_lacks_are_text(sandbox):
    cell = sandbox.run("from IPython.display import display\ndisplay({'application/json': {'a': [float('nan'), float('-inf')]}, 'text/plain': 'x'}, raw=True)")
    assert cell.contents("display_data")[0]["data"]["application/json"] == {"a": ["nan", "-inf"]}


def test_a_packet_nested_too_deeply_to_be_written_again_is_skipped(new_sandbox):
    sandbox = new_sandbox()
    sandbox.run("""
k = get_ipython().sandbox
for n in range(900, 1000):
    k.channel.socket.send(('{"msg_type":"display_data","parent_header":{"msg_id":"%s"},"content":{"data":{"a/b":' % k.running + '['*n + ']'*n + '}}}').encode())
""")
    assert sandbox.run("6 * 7").result == "42"


def test_a_forged_count_does_not_reach_a_hello(sandbox):
    sandbox.run("k = get_ipython().sandbox\nfor n in (-1, 1 << 70): k.channel.send('execute_input', {'code': '', 'execution_count': n}, k.running)")
    other = sandbox.attach(writer=False)
    try:
        assert 0 <= other.hello["kernels"]["main"]["execution_count"] < 2**53
    finally:
        other.close()

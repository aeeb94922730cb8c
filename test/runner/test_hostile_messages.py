"""Messages that a cell itself sends over the pair, and that an honest kernel never sends. They end at most the cell's
kernel, and cost a bounded time.
"""

import time

import pytest
from pinged import resident

PAIR = """
import json, os, time
kernel = get_ipython().sandbox
pair, me = kernel.channel.socket, kernel.running
def forge(kind, content, **more):
    pair.send(json.dumps(dict({"msg_type": kind, "parent_header": {"msg_id": me}, "content": content}, **more)).encode())
"""


@pytest.mark.parametrize("depths", ["range(150, 260)", "range(300, 340)", "range(460, 500)", "range(900, 1000)"])
@pytest.mark.parametrize("inmost", ["''", "NaN"])
def test_displays_that_are_nested_almost_too_deeply_do_not_harm_the_supervisor(new_pinged, inmost, depths):
    """The displays are held because the cell redraws, and are encoded later, from a deeper stack."""
    code = (
        PAIR
        + """
from IPython.display import clear_output
clear_output(); print("x" * 3_500_000); clear_output()
for depth in DEPTHS:
    text = '{"msg_type":"update_display_data","parent_header":{"msg_id":"%%s"},"content":{"data":{"a/b":%%s},"metadata":{},"transient":{}}}'
    pair.send((text %% (me, "[" * depth + %r + "]" * depth)).encode())
time.sleep(0.5)
os._exit(0)
"""
        % inmost.replace("''", '""')
    )
    code = code.replace("DEPTHS", depths)
    assert new_pinged().run(code).reply["failure"]["code"] == "KernelDied"


def test_updates_that_are_nested_almost_too_deeply_do_not_damage_the_comm_log(new_pinged):
    code = (
        PAIR
        + """
forge("comm_open", {"comm_id": "c", "target_name": "t", "data": {"state": {}}})
for depth in [*range(150, 260), *range(450, 500), *range(960, 1000)]:
    text = '{"msg_type":"comm_msg","parent_header":{"msg_id":"%s"},"content":{"comm_id":"c","data":{"method":"update","state":{"a":%s,"pad":"%s"},"buffer_paths":[]}}}'
    pair.send((text % (me, "[" * depth + "]" * depth, "x" * 20_000)).encode())
"""
    )
    assert new_pinged().run(code).reply["status"] == "ok"


def test_a_number_of_many_digits_is_refused(new_pinged):
    code = (
        PAIR
        + 'for _ in range(30): pair.send(b\'{"msg_type":"display_data","content":{"data":{"a":\' + b\'9\' * 180_000 + b\'}}}\')'
    )
    assert new_pinged().run(code).reply["status"] == "ok"


def test_a_flood_of_ready_messages_neither_delays_anything_nor_empties_the_log(new_pinged):
    pinged = new_pinged(log_budget=1_000_000)
    first = pinged.sandbox.run("print('the first cell')")
    pinged.run(PAIR + 'for _ in range(50_000): pair.send(b\'{"msg_type":"ready","content":{}}\')', seconds=60)
    late = pinged.sandbox.attach(writer=False)
    late.wait(lambda event: event["parent_header"]["msg_id"] == first.msg_id and event["msg_type"] == "execute_reply")
    assert not [event for event in late.log if event["msg_type"] == "gap"]
    late.close()


FORGED = """
odd = [None, 0, -1, 1.5, True, "", "x" * 1000, [], [[]], {}, {"a": {"b": []}}, "\\ud800", 10 ** 30, ["\\ud800"], {"": None}]
kinds = ["ready", "execute_input", "stream", "display_data", "update_display_data", "execute_result", "error", "clear_output", "input_request", "install_request",
         "comm_open", "comm_msg", "comm_close", "comm_done", "comm_begun", "interrupt_taken", "request_over", "complete_reply", "inspect_reply", "signature_reply", "status", "notice", "nothing", ""]
names = ["name", "text", "data", "metadata", "transient", "execution_count", "code", "request", "prompt", "comm_id", "target_name", "ename", "evalue", "traceback", "wait", "payload"]
for kind in kinds:
    for value in odd:
        forge(kind, value)
        forge(kind, {name: value for name in names}, metadata=value, buffers=value)
        forge(kind, {"comm_id": "c", "data": {"method": "update", "state": {"a": value}, "buffer_paths": value}}, metadata=value, buffers=value)
        pair.send(json.dumps({"msg_type": kind, "parent_header": value, "content": {}}).encode())
        pair.send(b"C" + json.dumps({"msg_type": kind, "parent_header": {"msg_id": me}, "id": "s", "size": 10 ** 12, "i": 0, "last": value}).encode() + b"\\n\\xff{")
for junk in (b"", b"C", b"C\\n", b"D", b"{", b"[]", b"C{}\\n", b"\\xff" * 1000, b"{}" * 1000):
    for _ in range(20): pair.send(junk)
"""


def test_forged_events_of_every_type_and_shape_stop_nothing(new_pinged):
    pinged = new_pinged()
    cell = pinged.run(PAIR + FORGED)
    assert cell.reply["status"] == "ok", cell.reply
    assert pinged.run(PAIR + FORGED + "os._exit(3)").reply["failure"]["params"]["exitcode"] == 3


def test_long_replies_are_bounded_and_are_not_kept(new_pinged):
    pinged = new_pinged(memory=1 << 30)
    sandbox = pinged.sandbox
    before = resident(sandbox)
    for size, failure in ((40_000_000, "ProtocolViolation"), (6_000_000, None)):
        for _ in range(5):
            code = (
                PAIR
                + "kernel.channel.send('execute_reply', {'status': 'error', 'ename': 'E', 'evalue': 'x' * %d, 'execution_count': 1}, me)"
                % size
            )
            reply = pinged.run(code).reply
            assert reply["status"] == "error" and (reply.get("failure") or {"code": None})["code"] == failure
    assert resident(sandbox) - before < 150 << 20


@pytest.mark.parametrize("request_id", ["'not an id! ' * 1000", "''", "5"])
def test_a_request_with_an_invalid_id_neither_stops_the_time_limit_nor_keeps_hosts_out(new_sandbox, request_id):
    sandbox = new_sandbox()
    msg_id = sandbox.send(
        PAIR
        + "forge('input_request', {'prompt': 'p', 'password': False, 'request': %s})\nwhile True: time.sleep(0.1)"
        % request_id,
        timeout=2,
    )
    sandbox.stream.wait(lambda event: event["msg_type"] == "input_request")
    late = sandbox.attach(writer=False)
    assert late.hello["kernels"]["main"]["request"] == ""
    late.close()
    assert sandbox.finish(msg_id).reply["failure"]["code"] == "TimedOut"


def test_a_cell_that_computes_while_a_thread_asks_has_its_time_limit(new_sandbox):
    sandbox = new_sandbox()
    cell = sandbox.run(
        "import threading\nthreading.Thread(target=input, daemon=True).start()\nwhile True: pass", timeout=2
    )
    assert cell.reply["failure"]["code"] == "TimedOut"
    asking = sandbox.send("input()", timeout=1)
    sandbox.stream.wait(
        lambda event: event["msg_type"] == "input_request" and event["parent_header"]["msg_id"] == asking
    )
    time.sleep(3)
    sandbox.answer("in time", sandbox.attach(writer=False).hello["kernels"]["main"]["request"])
    assert sandbox.finish(asking).result == "'in time'"


def test_a_completion_with_long_names_does_not_cut_the_stream(new_sandbox):
    sandbox = new_sandbox()
    sandbox.run(
        "d = {'x' * 20_000 + str(i): 1 for i in range(400)}\nshort = {'abcdef': 1}\nmany = {'k%06d' % i + 'y' * 8_000: 1 for i in range(400)}"
    )
    for code, least in (("d['", 0), ("many['", 1)):
        asked = sandbox.stream.send("complete_request", {"code": code, "cursor_pos": len(code)}, "shell")
        reply = sandbox.stream.wait(
            lambda event, asked=asked: (
                event["msg_type"] == "complete_reply" and event["parent_header"]["msg_id"] == asked
            )
        )["content"]
        assert reply["status"] == "ok" and len(reply["matches"]) >= least
        assert sum(map(len, reply["matches"])) < 1_000_000
    assert sandbox.run("1").result == "1"

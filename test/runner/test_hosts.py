"""Hosts that come, go, come back and get stuck."""

import json
import time
import uuid

import pytest


def texts(log, msg_id):
    return "".join(
        e["content"]["text"] for e in log if e["msg_type"] == "stream" and e["parent_header"]["msg_id"] == msg_id
    )


@pytest.mark.smoke
def test_a_host_that_comes_back_gets_what_it_missed_once(sandbox):
    msg_id = sandbox.send("import time\nfor i in range(200):\n    print('line', i); time.sleep(0.005)")
    seen = []
    for _ in range(4):
        time.sleep(0.15)
        last = max((e["seq"] for e in sandbox.stream.log), default=0)
        host, boot = sandbox.stream.host, sandbox.stream.hello["boot"]
        seen += [e for e in sandbox.stream.log if e["seq"] and e["seq"] <= last]
        sandbox.stream.close()
        sandbox.stream = sandbox.attach(host=host, after=last, boot=boot)
        assert sandbox.stream.hello["writer"]
    if not any(e["msg_type"] == "execute_reply" and e["parent_header"]["msg_id"] == msg_id for e in seen):
        sandbox.finish(msg_id)
    seen += [e for e in sandbox.stream.log if e["seq"]]
    first = next(
        e["seq"] for e in seen if e["parent_header"]["msg_id"] == msg_id
    )  # earlier cells may have arrived in pieces
    numbers = [e["seq"] for e in seen if e["seq"] >= first]
    assert numbers == sorted(set(numbers)) and numbers == list(range(numbers[0], numbers[-1] + 1))
    assert texts(seen, msg_id) == "".join("line %d\n" % i for i in range(200))


def test_a_host_that_comes_back_misses_only_what_a_cell_has_overwritten(new_sandbox):
    sandbox = new_sandbox()
    for _ in range(8):
        sandbox.run("x = 1")
    after = sandbox.stream.log[-1]["seq"]
    cell = sandbox.run(
        "import glob\nfor log in glob.glob(%r):\n    with open(log, 'r+b') as f: f.write(b'garbage ' * 200)"
        % ("%s/events/*.jsonl" % sandbox.place.queue)
    )
    assert cell.reply["status"] == "ok"
    host, boot = sandbox.stream.host, sandbox.stream.hello["boot"]
    sandbox.stream.close()
    sandbox.stream = sandbox.attach(host=host, after=after, boot=boot)
    first = sandbox.stream.wait(lambda e: e["seq"] > 0)
    assert first["seq"] == after + 1
    assert sandbox.run("x").result == "1"


def test_a_host_of_another_boot_gets_everything_again(sandbox):
    sandbox.run("print('early')")
    other = sandbox.attach(after=10**6, boot="another", writer=False)
    other.wait(lambda e: e["seq"] == sandbox.stream.hello["first"] or e["msg_type"] == "gap")
    other.close()


def test_the_same_command_sent_twice_runs_once(sandbox):
    sandbox.run("n = 0")
    msg_id = uuid.uuid4().hex
    sandbox.send("n += 1", msg_id)
    sandbox.send("n += 1", msg_id)
    sandbox.finish(msg_id)
    assert sandbox.run("n").result == "1"


def test_the_sender_of_a_known_id_gets_the_outcome_again(sandbox):
    cell = sandbox.run("1/0")
    sandbox.send("1/0", cell.msg_id)
    again = sandbox.stream.wait(
        lambda e: e["msg_type"] == "accepted" and e["parent_header"]["msg_id"] == cell.msg_id and e["seq"] == 0
    )
    assert again["content"] == {"msg_type": "execute_request"}
    reply = sandbox.stream.wait(lambda e: e["msg_type"] == "execute_reply" and e["seq"] == 0)
    assert reply["parent_header"]["msg_id"] == cell.msg_id and reply["content"]["ename"] == "ZeroDivisionError"


def test_one_host_is_the_writer_and_another_can_follow_when_it_is_gone(new_sandbox):
    sandbox = new_sandbox()
    second = sandbox.attach()
    assert sandbox.stream.hello["writer"] and not second.hello["writer"]
    msg_id = second.send("execute_request", {"code": "1"}, "shell")
    assert second.wait(lambda e: e["msg_type"] == "refused")["parent_header"]["msg_id"] == msg_id
    first = sandbox.run("print('both see this')")
    assert second.wait(lambda e: e["msg_type"] == "execute_reply")["parent_header"]["msg_id"] == first.msg_id
    sandbox.stream.process.stdin.close()
    time.sleep(0.3)
    sandbox.stream.close()
    sandbox.stream = sandbox.attach()
    assert sandbox.stream.hello["writer"]
    second.close()


def test_a_new_stream_of_a_host_replaces_its_old_stream(sandbox):
    old = sandbox.stream
    sandbox.stream = sandbox.attach(host=old.host)
    assert sandbox.stream.hello["writer"]
    assert sandbox.run("1").result == "1"
    old.close()


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"not json\n",
        b"[]\n",
        b"[" * 100_000 + b"\n",
        b'{"header": 3}\n',
        b'{"header": {"msg_id": "../../x", "msg_type": "execute_request"}}\n',
        b"\xff\xfe\n",
    ],
)
def test_garbage_from_a_host_is_refused_and_the_next_line_is_read(sandbox, line):
    sandbox.stream.send_raw(line)
    assert sandbox.run("1").result == "1"


def test_a_line_over_the_limit_is_refused_without_being_kept(sandbox):
    for _ in range(200):
        sandbox.stream.send_raw(b"x" * (1 << 20))
    sandbox.stream.send_raw(b"\n")
    sandbox.stream.wait(lambda e: e["msg_type"] == "refused")
    assert sandbox.run("1").result == "1"


def test_a_line_cut_in_the_middle_loses_only_itself(sandbox):
    sandbox.stream.send_raw(b'{"header": {"msg_id": "x')
    host = sandbox.stream.host
    sandbox.stream.close()
    sandbox.stream = sandbox.attach(host=host)
    assert sandbox.run("1").result == "1"


def test_a_ping_is_answered_while_a_cell_runs(sandbox):
    cell = sandbox.send("while True: pass")
    sandbox.started(cell)
    start = time.monotonic()
    ping = sandbox.stream.send("ping", {}, "control")
    sandbox.stream.wait(lambda e: e["msg_type"] == "pong" and e["parent_header"]["msg_id"] == ping, 1)
    assert time.monotonic() - start < 0.5
    sandbox.interrupt(cell)
    sandbox.finish(cell)


def test_a_host_that_does_not_read_delays_no_other_host(new_sandbox):
    sandbox = new_sandbox(max_output=50_000_000, log_budget=64_000_000)
    stuck = sandbox.attach(writer=False)
    stuck.process.send_signal(19)  # its relay sleeps anyway; what matters is that nobody reads the pipe
    stuck.events.put = lambda *_: time.sleep(1000)
    cell = sandbox.run("print('z' * 20_000_000)")
    assert len(cell.text()) == 20_000_001
    start = time.monotonic()
    assert sandbox.run("1").result == "1"
    assert time.monotonic() - start < 2
    stuck.process.kill()


FLOODS = {
    "redrawn": "for i in range(100): clear_output(wait=True); display(HTML('x' * 1_000_000))",
    "by turns": "for i in range(4000): sys.stdout.write('a'); sys.stderr.write('b')",
    "metadata": "for i in range(100): display({'text/plain': ''}, metadata={'x': 'A' * 500_000}, raw=True)",
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_that_a_host_does_not_read_takes_no_memory(new_sandbox, what):
    sandbox = new_sandbox()
    stuck = sandbox.attach(writer=False)
    stuck.events.put = lambda *_: time.sleep(1000)
    code = "from IPython.display import HTML, clear_output\nimport sys\n"
    sandbox.run(code)

    def most():
        return int(sandbox.place.sh("grep VmHWM /proc/%d/status" % sandbox.place.supervisor).split()[1])

    before = most()
    sandbox.run(code + FLOODS[what])
    assert sandbox.run("1").result == "1"
    assert most() - before < 40_000  # kB: a held drawing, and a message in transit
    stuck.process.kill()


def test_trimmed_events_are_reported_as_a_gap(new_sandbox):
    sandbox = new_sandbox(log_budget=1_000_000, max_output=400_000)
    for _ in range(12):
        sandbox.run("print('g' * 300_000)")
    late = sandbox.attach(writer=False)
    gap = late.wait(lambda e: e["msg_type"] == "gap")
    assert gap["content"]["from"] == 1 and gap["content"]["bytes"] > 1_000_000 and gap["seq"] == gap["content"]["to"]
    following = late.wait(lambda e: e["seq"] > 0)
    assert following["seq"] == gap["seq"] + 1
    late.close()


def test_the_lease_ends_a_sandbox_that_nobody_follows(new_sandbox):
    sandbox = new_sandbox(lease=1.5)
    sandbox.run("1")
    time.sleep(2.5)
    assert sandbox.place.alive()  # an attached host keeps the sandbox alive
    sandbox.stream.process.stdin.close()
    sandbox.stream.close()
    give_up = time.monotonic() + 15
    while sandbox.place.alive() and time.monotonic() < give_up:
        time.sleep(0.2)
    assert not sandbox.place.alive()


def test_an_unused_sandbox_ends_and_a_busy_one_does_not(new_sandbox):
    sandbox = new_sandbox(idle=1.5)
    sandbox.run("import time; time.sleep(4)")
    assert sandbox.place.alive()
    give_up = time.monotonic() + 15
    while sandbox.place.alive() and time.monotonic() < give_up:
        time.sleep(0.2)
    assert not sandbox.place.alive()


def test_a_hello_lists_the_open_cells_for_a_later_host(sandbox):
    metadata = {"cellId": "a", "runId": "r"}
    running = sandbox.send("x = input()", metadata=metadata)
    request = sandbox.stream.wait(lambda e: e["msg_type"] == "input_request")["content"]["request"]
    queued = sandbox.send("1", metadata={"cellId": "b", "runId": "r", "index": 7})
    sandbox.stream.wait(lambda e: e["msg_type"] == "accepted" and e["parent_header"]["msg_id"] == queued)
    later = sandbox.attach(writer=False)
    kernel = later.hello["kernels"]["main"]
    later.close()
    assert (kernel["request"], kernel["requests"], kernel["msg_id"]) == (request, [request], running)
    assert kernel["cells"] == [
        {"msg_id": running, "metadata": metadata},
        {"msg_id": queued, "metadata": {"cellId": "b", "runId": "r", "index": 7}},
    ]
    busy = next(e for e in sandbox.stream.log if e["msg_type"] == "status" and e["parent_header"]["msg_id"] == running)
    assert busy["metadata"] == metadata  # even if the log lacks the events before the cell
    sandbox.stream.send("input_reply", {"value": "", "request": request}, "stdin")
    sandbox.finish(running)


def test_a_host_with_take_over_becomes_the_writer(new_sandbox):
    sandbox = new_sandbox()
    cell = sandbox.send("import time\nfor i in range(20):\n    print(i); time.sleep(0.05)")
    second = sandbox.attach(take_over=True)
    assert second.hello["writer"]
    old, sandbox.stream = sandbox.stream, second
    assert sandbox.finish(cell).text() == "".join("%d\n" % i for i in range(20))
    assert sandbox.run("6 * 7").result == "42"
    old.close()


def test_a_shutdown_ends_the_running_cell_with_a_reason(new_sandbox):
    sandbox = new_sandbox()
    cell = sandbox.send("import time; time.sleep(100)")
    sandbox.started(cell)
    sandbox.stream.send("shutdown_request", {}, "control")
    assert sandbox.finish(cell).reply["failure"] == {"code": "Aborted", "params": {"reason": "shutdown"}}


def test_events_are_json_lines_that_anyone_can_read(sandbox):
    sandbox.run("print('in the log')")
    lines = sandbox.place.sh("cat %s/events/*.jsonl" % sandbox.place.queue).splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert any(e["msg_type"] == "stream" and "in the log" in e["content"]["text"] for e in events)


def test_metadata_nested_too_deeply_is_refused(sandbox):
    for depth in (970, 971, 972, 975):
        line = '{"header":{"msg_id":"deep%d"},"content":{"code":"1"},"metadata":{"a":%s}}\n' % (
            depth,
            "[" * depth + "]" * depth,
        )
        sandbox.stream.send_raw(line.encode())
        assert sandbox.stream.wait(lambda event: event["msg_type"] == "refused")
    assert sandbox.run("6 * 7").result == "42"


@pytest.mark.container
def test_a_process_that_a_cell_could_trace_cannot_be_a_host(sandbox):
    """The process is put into the container by the engine, as the cells' user, like a relay that a cell has taken over."""
    with pytest.raises(AssertionError, match="the stream ended"):
        sandbox.attach(user="")
    other = sandbox.attach(writer=False)
    assert other.hello["boot"] == sandbox.stream.hello["boot"]
    other.close()

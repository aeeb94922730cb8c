"""What must end in time, whether or not a host is attached: cells over their time limit, cells in C code, and answers
that do not come.
"""

import time

import pytest

NO_YIELD = "import time\nwhile True:\n    try: time.sleep(100)\n    except KeyboardInterrupt: pass"


@pytest.mark.parametrize("code, killed", [("while True: pass", False), (NO_YIELD, True)])
def test_the_time_limit_applies_while_no_host_is_attached(sandbox, code, killed):
    msg_id = sandbox.send(code, timeout=1, metadata={"runId": "a"})
    queued = sandbox.send("'never'", metadata={"runId": "a"})
    sandbox.started(msg_id)
    sandbox.stream.process.stdin.close()
    sandbox.stream.close()
    time.sleep(8)  # no host sees its end
    sandbox.stream = sandbox.attach()
    ended = {one: sandbox.finish(one).reply for one in (msg_id, queued)}
    assert ended[msg_id]["failure"] == {"code": "TimedOut", "params": {"timeout": 1, "killed": killed}}
    assert ended[queued]["status"] == "aborted"
    assert sandbox.run("'on'").result == "'on'"


def test_time_in_which_the_sandbox_was_paused_does_not_count(new_sandbox):
    sandbox = new_sandbox()
    msg_id = sandbox.send("import time\nfor _ in range(10): time.sleep(0.1)\n'done'", timeout=6)
    sandbox.started(msg_id)
    for _ in range(2):
        sandbox.place.pause()
        time.sleep(4)
        sandbox.place.unpause()
        time.sleep(0.3)
    assert sandbox.finish(msg_id).result == "'done'"


def test_each_cell_has_its_own_limit(sandbox):
    ids = [
        sandbox.send("import time; time.sleep(%g); 'done'" % seconds, timeout=timeout)
        for seconds, timeout in ((1.2, 3), (60, 1), (1.2, 0))
    ]
    assert [sandbox.finish(one).reply.get("failure", {}).get("code") for one in ids] == [None, "TimedOut", None]


def test_a_cell_that_continues_after_an_interrupted_prompt_keeps_its_time_limit(sandbox):
    msg_id = sandbox.send(
        "import time\ntry: input('who? ')\nexcept KeyboardInterrupt: print('nobody')\ntime.sleep(60)", timeout=1
    )
    sandbox.stream.wait(lambda event: event["msg_type"] == "input_request")
    sandbox.interrupt(msg_id)
    sandbox.wait_text("nobody")
    assert sandbox.finish(msg_id).reply["failure"] == {"code": "TimedOut", "params": {"timeout": 1, "killed": False}}


def test_an_interrupt_and_the_time_limit_together_end_one_cell_once(sandbox):
    msg_id = sandbox.send("print('go')\n" + NO_YIELD, timeout=1)
    sandbox.wait_text("go")
    time.sleep(0.3)  # by then the cell has reached the code that swallows interrupts
    for _ in range(3):
        sandbox.interrupt(msg_id)
    assert sandbox.finish(msg_id).reply["failure"] == {"code": "Interrupted", "params": {"killed": True}}
    assert sandbox.run("'next'").result == "'next'"


@pytest.mark.parametrize(
    "code",
    [
        "import itertools; max(itertools.repeat(1))",
        "import ctypes\nfor _ in iter(int, 1): ctypes.PyDLL(None).usleep(900_000)",
    ],
)
def test_the_third_press_ends_a_cell_that_runs_c_code(sandbox, code):
    msg_id = sandbox.send(code)
    sandbox.started(msg_id)
    for _ in range(3):
        sandbox.interrupt(msg_id)
    reply = sandbox.finish(msg_id, 20).reply
    assert reply["status"] == "error" and (
        reply["ename"] == "KeyboardInterrupt" or reply["failure"] == {"code": "Interrupted", "params": {"killed": True}}
    )
    assert sandbox.run("'fresh'").result == "'fresh'"


SLOW_NAMES = """
class Slow:
    def __dir__(self):
        while True: pass
    def __repr__(self):
        while True: pass
slow = Slow()
"""


@pytest.mark.parametrize(
    "kind, content",
    [
        ("complete", {"code": "slow.", "cursor_pos": 5}),
        ("inspect", {"code": "slow", "cursor_pos": 4, "detail_level": 0}),
    ],
)
def test_an_object_that_never_lists_its_names_delays_no_cell(sandbox, kind, content):
    cell = sandbox.run(
        "import signal\nheard = []\nsignal.signal(signal.SIGALRM, lambda *_: heard.append(1))\nsignal.setitimer(signal.ITIMER_REAL, 8)\n"
        + SLOW_NAMES
    )
    request = sandbox.stream.send(kind + "_request", content, "shell")
    after = sandbox.send("kept = 'kept'; kept")
    reply = sandbox.stream.wait(
        lambda e: e["msg_type"] == kind + "_reply" and e["parent_header"]["msg_id"] == request, 15
    )
    if kind == "complete":  # IPython 8 returns a help page without the object's own text
        assert reply["content"]["status"] == "error"
    assert sandbox.finish(after, 15).result == "'kept'"
    assert not [
        e for e in sandbox.stream.log if e["msg_type"] == "stream" and e["parent_header"]["msg_id"] == cell.msg_id
    ], "nothing is printed in a cell that asked for nothing"
    assert sandbox.run("import time\nwhile not heard: time.sleep(0.1)\nheard", timeout=30).result == "[1]", (
        "a timer of the cell's own goes on"
    )

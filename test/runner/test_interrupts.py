"""An interrupt that comes at the very moment at which a cell begins to wait, or before it can begin at all."""

import time

import pytest


@pytest.mark.parametrize("code", ["input('?')", "import asyncio, sys; sys.stdout.write('?'); await asyncio.sleep(100)"])
def test_an_interrupt_that_just_precedes_a_wait_ends_it(sandbox, code):
    # Python runs a signal's handler only when it runs code: a wait that begins right behind the signal must be woken
    for _ in range(150):
        cell = sandbox.send(code)
        sandbox.stream.wait(lambda e: e["msg_type"] in ("input_request", "stream") and e["parent_header"]["msg_id"] == cell)  # noqa: B023
        sandbox.interrupt(cell)
        assert sandbox.finish(cell, 20).reply["ename"] in ("KeyboardInterrupt", "CancelledError")


HOGS = {
    "python": "while not free: pass",
    "a wait": "while not free: time.sleep(100)",
    "a program": "subprocess.run(['sleep', '1000'])",
}


@pytest.mark.parametrize("hog", HOGS)
def test_one_press_ends_a_cell_that_cannot_begin_because_a_task_holds_the_loop(sandbox, hog):
    kept = "import asyncio, subprocess, time\nkept, free = 1, []\nasync def hog():\n    await asyncio.sleep(0.2)\n    %s\ntask = asyncio.create_task(hog()); await asyncio.sleep(0)" % HOGS[hog]
    assert sandbox.run(kept).reply["status"] == "ok"
    time.sleep(0.6)
    cell = sandbox.send("free = 'never'", metadata={"runId": "a"})
    behind = sandbox.send("free = 'never'", metadata={"runId": "a"})
    sandbox.stream.wait(lambda e: e["msg_type"] == "status" and e["parent_header"]["msg_id"] == cell)
    time.sleep(0.3)
    assert not any(e["msg_type"] == "execute_input" for e in sandbox.stream.log if e["parent_header"]["msg_id"] == cell)
    assert sandbox.interrupt(cell)["step"] == "interrupt"
    assert sandbox.finish(cell, 20).reply["ename"] == "KeyboardInterrupt"
    assert sandbox.finish(behind, 20).reply["status"] == "aborted"
    assert sandbox.run("kept, free").result == "(1, [])"
    assert sandbox.run("task.done()").result == "True"


def test_a_task_that_holds_the_loop_and_swallows_interrupts_ends_at_the_third_press(sandbox):
    sandbox.run("import asyncio, time\nasync def hog():\n    await asyncio.sleep(0.2)\n    while True:\n        try: time.sleep(100)\n        except KeyboardInterrupt: pass\ntask = asyncio.create_task(hog()); await asyncio.sleep(0)")
    time.sleep(0.6)
    cell = sandbox.send("1")
    sandbox.stream.wait(lambda e: e["msg_type"] == "status" and e["parent_header"]["msg_id"] == cell)
    time.sleep(0.3)
    for _ in range(3):
        sandbox.interrupt(cell)
    assert sandbox.finish(cell, 20).reply["failure"] == {"code": "Interrupted", "params": {"killed": True}}
    assert sandbox.run("'fresh'").result == "'fresh'"

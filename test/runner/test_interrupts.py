"""Interrupts that come exactly when a cell begins to wait, or before it can begin."""

import re
import time

import pytest


@pytest.mark.parametrize("code", ["input('?')", "import asyncio, sys; sys.stdout.write('?'); await asyncio.sleep(100)"])
def test_an_interrupt_right_before_a_wait_ends_the_wait(sandbox, code):
    # Python runs a signal's handler only when it runs code, so a wait that begins right after the signal must be woken
    for _ in range(150):
        cell = sandbox.send(code)
        sandbox.stream.wait(
            lambda e: e["msg_type"] in ("input_request", "stream") and e["parent_header"]["msg_id"] == cell  # noqa: B023
        )
        sandbox.interrupt(cell)
        assert sandbox.finish(cell, 20).reply["ename"] in ("KeyboardInterrupt", "CancelledError")


def test_an_interrupt_ends_a_system_call_that_its_signal_did_not_end(sandbox):
    # like a signal right before the call: here another thread gets the signal, and Python acts on it when the call is
    # over
    cell = sandbox.send(
        "import signal, threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\ntime.sleep(100)"
    )
    sandbox.started(cell)
    time.sleep(0.5)
    assert sandbox.interrupt(cell)["step"] == "interrupt"
    assert sandbox.finish(cell, 5).reply["ename"] == "KeyboardInterrupt"


STARTS = {
    "a wait": "import time; time.sleep(100)",
    "a loop": "while True: pass",
    "an await": "import asyncio; await asyncio.sleep(100)",
    "a loop behind an await": "import asyncio; await asyncio.sleep(0)\nwhile True: pass",
    "a loop of a coroutine": "async def hog():\n    while True: pass\nawait hog()",
}


@pytest.mark.parametrize("start", STARTS)
def test_one_interrupt_at_the_start_of_a_cell_ends_the_cell_and_does_not_damage_the_kernel(sandbox, start):
    for delay in range(25):
        cell = sandbox.send(STARTS[start])
        time.sleep(delay * 0.0001)
        sandbox.interrupt(cell)
        ended = sandbox.finish(cell, 20)
        assert ended.reply["ename"] == "KeyboardInterrupt"
        # no message of IPython; Python may warn that the cell's own coroutine was not awaited
        assert not re.search("callback|KeyboardInterrupt|/(IPython|sandboxed_ipython)/", ended.text("stderr"))
        assert sandbox.run("'whole'", seconds=20).result == "'whole'"


#: A function that IPython calls for each cell and that holds a lock. Its code claims to be Python's own, like that of
#: locks.
PRESSED_IN_HISTORY = """
import os, signal, threading
passed, ran = [], []
exec(compile('''
def store_inputs(*args, **kwargs):
    store(*args, **kwargs)
    if len(args[1].split("ran.append")) > 1:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000): pass
        passed.append(1)
''', threading.__file__, 'exec'))
history = get_ipython().history_manager
store, history.store_inputs = history.store_inputs, store_inputs
"""


def test_an_interrupt_does_not_hit_ipythons_own_code_around_a_cell(sandbox):
    # its history takes a lock for each cell: an exception right there leaves it taken, and the next cell waits forever
    sandbox.run(PRESSED_IN_HISTORY)
    cell = sandbox.run("ran.append(1)")
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert sandbox.run("passed, ran").result == "([1], [])"


def test_an_interrupt_ends_a_callback_that_keeps_a_cell_from_its_code(sandbox):
    sandbox.run(
        "import time\nran = []\ndef hang(): time.sleep(100)\nget_ipython().events.register('pre_run_cell', lambda info: hang() if 'ran.append' in info.raw_cell else None)"
    )
    cell = sandbox.send("ran.append(1)")
    sandbox.started(cell)
    time.sleep(0.3)
    sandbox.interrupt(cell)
    assert sandbox.finish(cell, 20).reply["ename"] == "KeyboardInterrupt"
    assert sandbox.run("ran").result == "[]"


HOGS = {
    "python": "while not free: pass",
    "a wait": "while not free: time.sleep(100)",
    "a program": "subprocess.run(['sleep', '1000'])",
}


@pytest.mark.parametrize("hog", HOGS)
def test_one_press_ends_a_cell_that_cannot_begin_because_a_task_holds_the_loop(sandbox, hog):
    kept = (
        "import asyncio, subprocess, time\nkept, free = 1, []\nasync def hog():\n    await asyncio.sleep(0.2)\n    %s\ntask = asyncio.create_task(hog()); await asyncio.sleep(0)"
        % HOGS[hog]
    )
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
    sandbox.run(
        "import asyncio, time\nasync def hog():\n    await asyncio.sleep(0.2)\n    while True:\n        try: time.sleep(100)\n        except KeyboardInterrupt: pass\ntask = asyncio.create_task(hog()); await asyncio.sleep(0)"
    )
    time.sleep(0.6)
    cell = sandbox.send("1")
    sandbox.stream.wait(lambda e: e["msg_type"] == "status" and e["parent_header"]["msg_id"] == cell)
    time.sleep(0.3)
    for _ in range(3):
        sandbox.interrupt(cell)
    assert sandbox.finish(cell, 20).reply["failure"] == {"code": "Interrupted", "params": {"killed": True}}
    assert sandbox.run("'fresh'").result == "'fresh'"

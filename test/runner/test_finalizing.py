"""A kernel that need not be killed ends like a program: files are written, exit handlers run, and none of this disturbs
the next kernel.
"""

import time

import pytest

WRITES = (
    "import atexit\n"
    "held_back = open('held back', 'w'); held_back.write('text')\n"
    "binary = open('binary', 'wb'); binary.write(b'bytes')\n"
    "def handler():\n    print('too late to be shown')\n    open('handler', 'w').write('ran')\n"
    "atexit.register(handler)\n"
)
READ = "[open(name).read() for name in ('held back', 'binary', 'handler')]"
WRITTEN = "['text', 'bytes', 'ran']"


@pytest.mark.smoke
@pytest.mark.parametrize("end", ["exit()", "quit()", "raise SystemExit"])
def test_files_are_written_and_exit_handlers_run(sandbox, end):
    if end == "raise SystemExit":  # this only ends the cell
        sandbox.run(WRITES)
        sandbox.reset()
    else:
        sandbox.run(WRITES + end)
    cell = sandbox.run(READ)
    assert cell.result == WRITTEN, cell.reply
    assert not any(
        "too late" in event["content"]["text"] for event in sandbox.stream.log if event["msg_type"] == "stream"
    )


def test_shared_memory_that_a_cell_left_is_removed_at_a_restart(sandbox):
    name = sandbox.run(
        "from multiprocessing import shared_memory\nkept = shared_memory.SharedMemory(create=True, size=1000)\nkept.name"
    ).result
    sandbox.reset()
    assert sandbox.run("import os; os.path.exists('/dev/shm/' + %s)" % name).result == "False"


def test_late_writes_of_the_old_kernel_come_before_writes_of_the_next_kernel(sandbox):
    sandbox.run(
        "import atexit, time\nold = open('log', 'w'); old.write('old' * 1000)\natexit.register(time.sleep, 0.4)"
    )
    request = sandbox.stream.send("reset_request", {"files": "keep", "history_size": 1000}, "control")
    cell = sandbox.run("print(open('log', 'w').write('new'), open('log').read())")
    assert cell.text() == "3 new\n"
    time.sleep(0.6)
    assert sandbox.run("open('log').read()").result == "'new'"
    assert any(
        event["parent_header"]["msg_id"] == request and event["msg_type"] == "reset_reply"
        for event in sandbox.stream.log
    )


@pytest.mark.parametrize(
    "hold",
    [
        "import threading; threading.Thread(target=time.sleep, args=(1000,)).start()",
        "atexit.register(time.sleep, 1000)",
        "import asyncio, os; asyncio.get_running_loop().call_later(0.1, time.sleep, 1000)",
        "import os, signal\nfor number in range(1, 32):\n    if number not in (9, 19): signal.signal(number, signal.SIG_IGN)\natexit.register(time.sleep, 1000)",
    ],
)
def test_a_kernel_that_does_not_finish_delays_a_reset_by_no_more_than_its_deadline(sandbox, hold):
    sandbox.run("import atexit, time\n" + hold)
    time.sleep(0.3)
    start = time.monotonic()
    assert sandbox.reset()["status"] == "ok"
    assert sandbox.run("6 * 7").result == "42"
    assert time.monotonic() - start < 10  # one second, and the delay of a busy machine


def test_a_reset_that_clears_files_and_a_second_reset_do_not_wait_for_the_old_kernel(sandbox):
    sandbox.run("import atexit, time\natexit.register(lambda: (time.sleep(0.3), open('late', 'w').write('x')))")
    sandbox.reset(files="clear")
    sandbox.run("import atexit, time\natexit.register(lambda: (time.sleep(0.3), open('late', 'w').write('x')))")
    requests = [
        sandbox.stream.send("reset_request", {"files": "keep", "history_size": 1000}, "control") for _ in range(2)
    ]
    for request in requests:
        sandbox.stream.wait(
            lambda e, request=request: e["msg_type"] == "reset_reply" and e["parent_header"]["msg_id"] == request
        )
    time.sleep(0.6)
    assert sandbox.run("import os; os.path.exists('late')").result == "False"


def test_processes_that_an_ending_kernel_starts_do_not_outlive_it(sandbox):
    sandbox.run(
        "import atexit, subprocess\natexit.register(subprocess.Popen, ['sleep', '4343'], start_new_session=True)"
    )
    sandbox.reset()
    count = "import glob\nfound = []\nfor p in glob.glob('/proc/[0-9]*/cmdline'):\n    try: found.append(open(p).read())\n    except OSError: pass\nsum('4343' in f and 'sleep' in f for f in found)"
    assert sandbox.run(count).result == "0"

"""Cells that take every processor: the supervisor answers and ends them, and the next cell works."""

import pytest

pytestmark = [pytest.mark.container, pytest.mark.alone]

#: As many processes as the sandbox may have, each of which tries to fork more.
BOMBS = {
    "one process group": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "many sessions": "import os\nwhile True:\n    try:\n        if os.fork() == 0: os.setsid()\n    except OSError: pass",
}


@pytest.mark.parametrize("code", BOMBS.values(), ids=BOMBS)
def test_a_fork_bomb_ends_at_the_time_limit_and_delays_nothing(new_pinged, code):
    pinged = new_pinged(memory=3 << 30)
    assert pinged.run(code, seconds=60, timeout=2, wants_all_processors=True).reply["failure"]["code"] == "TimedOut"


BUSY = {
    "processes": "import os\nfor _ in range(480):\n    if os.fork() == 0:\n        os.setsid()\n        while True: pass\nwhile True: pass",
    # without the interpreter's lock
    "native threads": (
        "import hashlib, threading\ndata = bytes(1 << 24)\n"
        "def work():\n    while True: hashlib.sha256(data).digest()\n"
        "for _ in range(480): threading.Thread(target=work, daemon=True).start()\nwhile True: hashlib.sha256(data).digest()"
    ),
}


@pytest.mark.parametrize("code", BUSY.values(), ids=BUSY)
def test_hundreds_of_busy_processes_or_threads_delay_nothing(new_pinged, code):
    pinged = new_pinged(memory=3 << 30)
    assert pinged.run(code, seconds=60, timeout=2, wants_all_processors=True).reply["failure"]["code"] == "TimedOut"


#: Prints the priority of a thread of the cell, of its child, and of a program that it starts.
PRIORITIES = """
import os, subprocess, threading
found = [os.nice(0)]
thread = threading.Thread(target=lambda: found.append(os.nice(0))); thread.start(); thread.join()
found.append(int(subprocess.run(["nice"], stdout=subprocess.PIPE).stdout))
found += [os.getpriority(os.PRIO_PROCESS, int(task)) for task in os.listdir("/proc/self/task")]
try: os.setpriority(os.PRIO_PROCESS, 0, 0)
except OSError as error: found.append(type(error).__name__)
set(found), os.getpriority(os.PRIO_PROCESS, 1)
"""


def test_everything_that_a_cell_starts_has_a_lower_priority_than_the_supervisor_for_good(new_sandbox):
    sandbox = new_sandbox()
    for _ in range(2):
        assert sandbox.run(PRIORITIES).result == "({10, 'PermissionError'}, 0)"
        sandbox.reset()

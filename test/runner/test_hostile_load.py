"""Cells that leave nobody else a processor: the supervisor answers and ends them, and the next cell is right."""

import pytest

pytestmark = [pytest.mark.container, pytest.mark.alone]

#: As many processes as the sandbox may have, each busy with making more.
BOMBS = {
    "one process group": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "many sessions": "import os\nwhile True:\n    try:\n        if os.fork() == 0: os.setsid()\n    except OSError: pass",
}


@pytest.mark.parametrize("code", BOMBS.values(), ids=BOMBS)
def test_a_fork_bomb_ends_at_the_time_limit_and_holds_up_nobody(new_pinged, code):
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
def test_hundreds_of_busy_processes_or_threads_hold_up_nobody(new_pinged, code):
    pinged = new_pinged(memory=3 << 30)
    assert pinged.run(code, seconds=60, timeout=2, wants_all_processors=True).reply["failure"]["code"] == "TimedOut"


#: Fewer than there may be, so that there is room for somebody who looks.
WITH_ROOM = "import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (200, 200))\n" + BOMBS["many sessions"]


def running_cells(sandbox):
    """``(state, nice)`` of each thread of the sandbox's user, without those of the supervisor and of who asks."""
    found = []
    for line in sandbox.place.sh("cat /proc/[0-9]*/task/[0-9]*/stat 2>/dev/null; true").splitlines():
        pid, _, rest = line.partition(" ")
        fields = rest.rpartition(")")[2].split()
        if pid != "1" and fields[1] != "0" and "python" in rest:
            found.append((fields[0], int(fields[16])))
    return found


def test_nothing_of_a_cell_escapes_the_standstill_in_which_priorities_are_lowered(new_sandbox):
    """All run on afterwards, at the lowest priority but for the spare and what the supervisor is about to start."""
    sandbox = new_sandbox(memory=3 << 30)
    sandbox.started(sandbox.send(WITH_ROOM))
    for _ in range(40):
        found = running_cells(sandbox)
        if len(found) > 50 and sum(nice < 19 for _, nice in found) <= 2 and not any(state == "T" for state, _ in found):
            break
    else:
        raise AssertionError(found)
    sandbox.reset()
    assert sandbox.run("import os; os.nice(0)").result == "0", "a fresh kernel has yielded to nobody"

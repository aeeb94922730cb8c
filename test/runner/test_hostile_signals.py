"""What a cell can do with signals to the supervisor and to what the supervisor starts: stop it, or count as its own timer."""

import time

import pytest

#: A process that a cell leaves behind sends the signal of the supervisor's own timer for as long as a turn of its loop may take, and longer.
ALARMS = """
import os, signal, time
supervisor = os.getppid()
if os.fork() == 0:
    os.setsid()
    for _ in range(%d):
        os.kill(supervisor, signal.SIGALRM)
        time.sleep(0.95)
    os._exit(0)
"""


def test_signals_of_a_timer_that_a_cell_sends_end_no_sandbox_that_rests(new_sandbox):
    sandbox = new_sandbox()
    sandbox.run(ALARMS % 13)
    time.sleep(13)  # nothing is asked meanwhile: while a turn lasts, its own ticks count
    assert sandbox.run("6 * 7", seconds=20).result == "42"


#: Stops each process that the supervisor starts as soon as its number is there.
STOP_THE_NEXT = """
import os, signal, time
newest = int(open("/proc/loadavg").read().split()[-1])
give_up = time.monotonic() + 0.8
while time.monotonic() < give_up:
    for pid in range(newest + 1, newest + 5):
        try: os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError: pass
"""


@pytest.mark.container
def test_a_process_that_is_stopped_as_soon_as_it_is_there_holds_up_nothing(new_pinged):
    """Stand-ins and a spare are started within half a second of a reset. Once in a few times one is hit before it has begun its program."""
    pinged = new_pinged()
    with pinged.pings():
        for _ in range(12):
            pinged.sandbox.reset()
            assert pinged.sandbox.run(STOP_THE_NEXT, seconds=30).reply["status"] == "ok"
        pinged.check_next()

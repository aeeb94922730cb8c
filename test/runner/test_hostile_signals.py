"""What a cell can do with signals to the supervisor and to the processes that the supervisor starts: stop them, or
imitate its timer.
"""

import time

import pytest

#: A process that a cell leaves behind sends the signal of the supervisor's own timer for longer than a turn of its loop
#: may take.
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


def test_timer_signals_that_a_cell_sends_do_not_end_an_idle_sandbox(new_sandbox):
    sandbox = new_sandbox()
    sandbox.run(ALARMS % 13)
    time.sleep(13)  # no command is sent meanwhile, because the timer's own ticks count during a turn
    assert sandbox.run("6 * 7", seconds=20).result == "42"


#: Stops each process that the supervisor starts as soon as its pid exists.
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
def test_a_process_that_a_cell_stops_as_soon_as_it_exists_delays_nothing(new_pinged):
    """Stand-ins and a spare are started within half a second of a reset. In one of a few tries one of them is hit
    before it has begun its program.
    """
    pinged = new_pinged()
    with pinged.pings():
        for _ in range(12):
            pinged.sandbox.reset()
            assert pinged.sandbox.run(STOP_THE_NEXT, seconds=30).reply["status"] == "ok"
        pinged.check_next()

"""The supervisor's loop by itself: turns that end, callbacks that raise, and a loop that hangs."""

import os
import signal
import subprocess
import sys
import time

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))

from sandboxed_ipython import deadman, reactor


def fail():
    raise ValueError("on purpose")


def test_the_exception_of_a_callback_is_reported_only_to_its_owner():
    loop, faults = reactor.Reactor(), []
    read, write = os.pipe()
    loop.owned(lambda: faults.append("pipe")).watch(read, on_read=fail)
    loop.owned(lambda: faults.append("timer")).after(0, fail)
    loop.after(0, lambda: faults.append("fine"))
    os.write(write, b"x")
    loop.turn()
    assert faults == ["pipe", "timer", "fine"]
    os.close(read)
    os.close(write)


def test_a_callback_without_an_owner_that_raises_repeatedly_ends_the_loop():
    loop, turns = reactor.Reactor(), 0
    read, write = os.pipe()
    os.write(write, b"x")
    loop.watch(read, on_read=fail)
    with pytest.raises(ValueError, match="on purpose"):
        while True:
            turns += 1
            loop.turn()
    assert 10 < turns < 100
    os.close(read)
    os.close(write)


def test_long_work_is_spread_over_turns():
    loop, done, between = reactor.Reactor(), [], []
    loop.after(0, lambda: loop.gradually(done.append(time.sleep(0.005)) for _ in range(40)))
    loop.after(0.05, lambda: between.append(len(done)))
    while len(done) < 40:
        loop.turn()
    assert between and between[0] < 40


HANGING = """
import os, sys, time
sys.path.insert(0, %r)
from sandboxed_ipython import deadman, reactor
deadman.LIMIT_SECONDS = 2
loop = reactor.Reactor(deadman.Deadman())
%s
while True: loop.turn()
"""


@pytest.mark.parametrize("hang", ["time.sleep(600)", "os.open('fifo', os.O_WRONLY)", "[x for x in iter(int, 1)]"])
def test_a_turn_that_does_not_end_ends_the_process_with_its_stack(tmp_path, hang):
    os.mkfifo(tmp_path / "fifo")
    code = HANGING % (str(RUNNER), "def stuck():\n    %s\nloop.after(0, stuck)" % hang)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == deadman.EXIT_STUCK
    assert "in stuck" in done.stderr.decode()


def test_neither_waiting_nor_a_flood_of_the_timers_signal_ends_the_process(tmp_path):
    code = HANGING % (
        str(RUNNER),
        "loop.after(5, lambda: os._exit(3))\ndef again(): time.sleep(0.3); loop.after(0.001, again)\nloop.after(0, again)\nprint(flush=True)",
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        while child.poll() is None:
            child.send_signal(signal.SIGALRM)
            time.sleep(0.001)
    assert child.returncode == 3

"""What the supervisor makes of the counts of its cgroup."""

import os
import signal
import subprocess
import sys
import types

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))

from sandboxed_ipython import proctable, watch


@pytest.fixture
def machine(monkeypatch):
    """Its clock and its count of kills by the memory limit."""
    machine = types.SimpleNamespace(kills=0, now=100.0)
    monkeypatch.setattr(watch.cgroup, "oom_kills", lambda: machine.kills)
    monkeypatch.setattr(watch, "time", types.SimpleNamespace(monotonic=lambda: machine.now))
    return machine


def test_kernels_that_one_lack_of_memory_ends_one_after_the_other_all_die_of_it(machine):
    watching = watch.Watch(None, types.SimpleNamespace(home="/"), None, lambda: False)
    machine.kills = 2  # the kernel, and the spare that takes over and has not ended yet
    assert watching.kernel_died()
    machine.now += 0.05
    assert watching.kernel_died()


def test_a_kernel_that_ends_later_does_not_die_of_a_lack_of_memory_before(machine):
    watching = watch.Watch(None, types.SimpleNamespace(home="/"), None, lambda: False)
    machine.kills = 1
    assert watching.kernel_died()
    machine.now += 60.0
    assert not watching.kernel_died()


def test_a_kernel_that_takes_its_time_to_end_is_not_told_as_a_process_of_its_cell(machine):
    told = []
    ends = [True]
    watching = watch.Watch(
        types.SimpleNamespace(after=lambda *_: None),
        types.SimpleNamespace(home="/", memory_limit=1),
        lambda code, *_: told.append(code),
        lambda: ends[0],
    )
    watching.begin(types.SimpleNamespace(msg_id="cell"))
    machine.kills = 1
    for _ in range(3):
        watching._look()
    assert not told
    ends[0] = False
    watching._look()
    assert told == ["ChildKilled"]


def test_a_process_that_is_killed_is_seen_to_end():
    process = subprocess.Popen(["sleep", "100"])
    assert not proctable.is_ending(process.pid)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it stays in the table
    assert proctable.is_ending(process.pid)
    process.wait()
    assert proctable.is_ending(process.pid)

"""How the supervisor uses the counters of its cgroup."""

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
    """Replaces the clock and the counter of kills by the memory limit."""
    machine = types.SimpleNamespace(kills=0, now=100.0)
    monkeypatch.setattr(watch.cgroup, "oom_kills", lambda: machine.kills)
    monkeypatch.setattr(watch, "time", types.SimpleNamespace(monotonic=lambda: machine.now))
    return machine


def test_kernels_that_end_one_after_the_other_through_one_lack_of_memory_all_report_it(machine):
    watching = watch.Watch(None, types.SimpleNamespace(home="/"), None, lambda: False)
    machine.kills = 2  # the kernel, and the spare that takes over and has not ended yet
    assert watching.kernel_died()
    machine.now += 0.05
    assert watching.kernel_died()


def test_a_kernel_that_ends_later_does_not_report_an_earlier_lack_of_memory(machine):
    watching = watch.Watch(None, types.SimpleNamespace(home="/"), None, lambda: False)
    machine.kills = 1
    assert watching.kernel_died()
    machine.now += 60.0
    assert not watching.kernel_died()


def test_a_kernel_that_ends_slowly_is_not_reported_as_a_process_of_its_cell(machine):
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


def test_a_killed_process_is_seen_as_ending():
    process = subprocess.Popen(["sleep", "100"])
    assert not proctable.is_ending(process.pid)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it stays in the process table
    assert proctable.is_ending(process.pid)
    process.wait()
    assert proctable.is_ending(process.pid)

"""What the supervisor makes of the counts of its cgroup."""

import sys
import types

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))

from sandboxed_ipython import watch


@pytest.fixture
def machine(monkeypatch):
    """Its clock and its count of kills by the memory limit."""
    machine = types.SimpleNamespace(kills=0, now=100.0)
    monkeypatch.setattr(watch.cgroup, "oom_kills", lambda: machine.kills)
    monkeypatch.setattr(watch, "time", types.SimpleNamespace(monotonic=lambda: machine.now))
    return machine


def test_kernels_that_one_lack_of_memory_ends_one_after_the_other_all_die_of_it(machine):
    watching = watch.Watch(None, types.SimpleNamespace(home="/"), None)
    machine.kills = 2  # the kernel, and the spare that takes over and has not ended yet
    assert watching.kernel_died()
    machine.now += 0.05
    assert watching.kernel_died()


def test_a_kernel_that_ends_later_does_not_die_of_a_lack_of_memory_before(machine):
    watching = watch.Watch(None, types.SimpleNamespace(home="/"), None)
    machine.kills = 1
    assert watching.kernel_died()
    machine.now += 60.0
    assert not watching.kernel_died()

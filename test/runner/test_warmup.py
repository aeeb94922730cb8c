"""What a kernel does while nobody uses it yet, for which no cell waits."""

import time

import pytest

pytestmark = pytest.mark.smoke

#: Says whether the kernel has run the cell that warms it up, of which IPython keeps the source as of any other.
LOOK = "import linecache\nprint(any('1' + '/0' in ''.join(entry[2]) for entry in linecache.cache.values() if len(entry) > 2))"
#: A busy machine may be slow to send the cell, or to warm the kernel up.
TRIES = 10


def test_a_cell_that_waits_for_its_kernel_does_not_wait_for_the_warm_up(new_sandbox):
    sandbox = new_sandbox()

    def first_cell():
        for _ in range(2):  # the spare is taken by the first one
            sandbox.stream.send("reset_request", {"files": "keep", "history_size": 1000}, "control")
        return sandbox.run(LOOK).text()

    assert "False\n" in (first_cell() for _ in range(TRIES))


def test_a_kernel_that_nobody_uses_warms_up(sandbox):
    def first_cell():
        sandbox.reset()
        time.sleep(1)
        return sandbox.run(LOOK).text()

    assert "True\n" in (first_cell() for _ in range(TRIES))

"""What a kernel does before anybody uses it. No cell waits for that."""

import time

import pytest

pytestmark = pytest.mark.smoke

#: Prints whether the kernel has run the cell that warms it up. IPython keeps the source of that cell like that of any
#: other.
LOOK = "import linecache\nprint(any('1' + '/0' in ''.join(entry[2]) for entry in linecache.cache.values() if len(entry) > 2))"
#: A busy machine may be slow to send the cell, or to warm the kernel up.
TRIES = 10


def test_a_cell_that_waits_for_its_kernel_does_not_wait_for_the_warm_up(new_sandbox):
    sandbox = new_sandbox()

    def first_cell():
        for _ in range(2):  # the first reset takes the spare
            sandbox.stream.send("reset_request", {"files": "keep", "history_size": 1000}, "control")
        return sandbox.run(LOOK).text()

    assert "False\n" in (first_cell() for _ in range(TRIES))


def test_a_kernel_that_nobody_uses_warms_up(sandbox):
    def first_cell():
        sandbox.reset()
        time.sleep(1)
        return sandbox.run(LOOK).text()

    assert "True\n" in (first_cell() for _ in range(TRIES))

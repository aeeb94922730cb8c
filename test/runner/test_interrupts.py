"""An interrupt that comes at the very moment at which a cell begins to wait."""

import pytest


@pytest.mark.parametrize("code", ["input('?')", "import asyncio, sys; sys.stdout.write('?'); await asyncio.sleep(100)"])
def test_an_interrupt_that_just_precedes_a_wait_ends_it(sandbox, code):
    # Python runs a signal's handler only when it runs code: a wait that begins right behind the signal must be woken
    for _ in range(150):
        cell = sandbox.send(code)
        sandbox.stream.wait(lambda e: e["msg_type"] in ("input_request", "stream") and e["parent_header"]["msg_id"] == cell)  # noqa: B023
        sandbox.interrupt(cell)
        assert sandbox.finish(cell, 20).reply["ename"] in ("KeyboardInterrupt", "CancelledError")

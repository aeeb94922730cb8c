"""Cells that flood the host with comm messages, or keep much state in one comm: the cost of a message depends on its
own length.
"""

import pytest

WIDGET = """
from sandboxed_ipython.kernel.comms import Comm
c = Comm(target_name="t", data={"state": {}, "buffer_paths": []})
def update(**state): c.send({"method": "update", "state": state, "buffer_paths": []})
"""


@pytest.mark.parametrize("size", [9_000_000, 15_000_000], ids=["all kept", "over the budget"])
def test_an_endless_loop_of_updates_beside_much_state_ends_at_its_time_limit(new_pinged, size):
    pinged = new_pinged(log_budget=64 << 20, memory=1 << 30)
    setup = pinged.sandbox.run(WIDGET + "for key in 'abc': update(**{key: 'x' * %d})" % size)
    told = [notice["code"] for notice in setup.contents("notice")]
    assert told == ([] if size < 10_000_000 else ["WidgetStateDropped"])
    cell = pinged.run("i = 0\nwhile True:\n    i += 1; update(d=i)", timeout=3)
    assert cell.reply["failure"]["code"] == "TimedOut"


def test_a_flood_of_comms_with_many_keys_delays_nothing(new_pinged):
    pinged = new_pinged(log_budget=1_000_000)
    cell = pinged.run(
        WIDGET
        + "for i in range(300): update(**{'%d-%d' % (i % 7, key): key for key in range(2_000)})\nfor i in range(2_000): Comm(target_name='t', data={'state': {'a': 'x' * 5_000}})",
        seconds=60,
    )
    assert cell.reply["status"] == "ok"

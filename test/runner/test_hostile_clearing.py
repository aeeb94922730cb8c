"""A reset that clears many files delays nothing else, and also clears shared memory."""

MANY = """
import os
for i in range(200):
    os.makedirs("many/%d" % i)
    for j in range(150): open("many/%d/%d" % (i, j), "w").close()
deep = "deep"
os.mkdir(deep); os.chdir(deep)
for _ in range(500): os.mkdir("d"); os.chdir("d")
os.chmod("..", 0); os.chdir(os.path.expanduser("~"))
"""

#: Lists the files outside the queue, except those that a kernel makes for itself when it starts after the clearing.
LEFT = "set(__import__('os').listdir('.')) - {'.interactive', '.ipython'}"


def test_a_reset_that_clears_very_many_files_delays_nothing_else(new_pinged):
    pinged = new_pinged(memory=1 << 30)
    pinged.sandbox.run(MANY)
    with pinged.pings():
        assert pinged.sandbox.reset(files="clear")["status"] == "ok"
        pinged.check_next(LEFT, "set()")


def test_a_second_reset_waits_until_the_files_are_cleared(new_pinged):
    pinged = new_pinged(memory=1 << 30)
    sandbox = pinged.sandbox
    sandbox.run(MANY)
    first = sandbox.stream.send("reset_request", {"files": "clear", "history_size": 1000}, "control")
    assert sandbox.reset()["status"] == "ok"
    assert any(
        event["msg_type"] == "reset_reply" and event["parent_header"]["msg_id"] == first for event in sandbox.stream.log
    )
    pinged.check_next(LEFT, "set()")

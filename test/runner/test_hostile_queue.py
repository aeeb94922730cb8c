"""Whatever a cell does to the folders of the queue, the supervisor and the next cell work."""

import subprocess
import sys

import pytest
from pinged import resident
from sandbox import RUNNER

NAMES = {
    "commands": "'.interactive/commands/.%d.json' % i",
    "results": "'.interactive/results/.%d-%s.json' % (i, get_ipython().parent_header['header']['msg_id'])",
}


@pytest.mark.parametrize("folder", ["commands", "results"])
def test_fifos_under_the_names_of_temporary_files_delay_nothing(new_pinged, folder):
    new_pinged().run("import os\nfor i in range(2000): os.mkfifo(%s)" % NAMES[folder])


def test_a_file_lease_on_a_dropped_file_delays_nothing(new_pinged):
    """A process that opens a file with a lease waits until the lease is given up, by default 45 seconds."""
    pinged = new_pinged()
    code = """
import fcntl, os, signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
held = [os.open(".interactive/%d.json" % i, os.O_RDWR | os.O_CREAT) for i in range(5)]
for i, fd in enumerate(held):
    os.write(fd, b'{"content": {"code": "1"}}')
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    os.rename(".interactive/%d.json" % i, ".interactive/commands/held%d.json" % i)
"""
    assert pinged.run(code).reply["status"] == "ok"


def test_a_folder_with_very_many_files_is_picked_up_without_delaying_anything_else(new_pinged):
    code = """
import os
os.mkdir(".interactive/prepared")
for i in range(30_000): open(".interactive/prepared/%d.json" % i, "w").write("{")
os.rename(".interactive/commands", ".interactive/old")
os.rename(".interactive/prepared", ".interactive/commands")
"""
    new_pinged(memory=1 << 30).run(code, seconds=60)


def test_a_file_that_is_too_long_is_refused_and_costs_no_memory(new_pinged):
    pinged = new_pinged()
    code = """
text = '{"content":{"code":"1"},"metadata":{"a":[' + '[],' * 8_000_000 + '[]]}}'
for name in ("x", "y"):
    open(".interactive/commands/.x", "w").write(text)
    __import__("os").rename(".interactive/commands/.x", ".interactive/commands/%s.json" % name)
"""
    pinged.run(code)
    assert pinged.sandbox.result("x")["content"]["code"] == "ProtocolViolation"
    assert "bytes" in pinged.sandbox.result("y")["content"]["params"]["reason"]


#: How deep a file can lie in nested folders and still be removed, if the machine is fast enough to reach it in time.
NESTED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from sandboxed_ipython import commandqueue
from sandboxed_ipython.reactor import Reactor
commandqueue._ROOM_SECONDS = 60
queue = commandqueue.CommandQueue(os.getcwd(), Reactor(), print, 1.0)
for _ in range(1_100): os.mkdir("d"); os.chdir("d")
open("big", "w").close()
queue.remove_foreign_files(())
print(os.listdir("."))
"""


def test_a_full_queue_is_searched_without_a_recursion(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NESTED, str(RUNNER)], cwd=tmp_path, stdout=subprocess.PIPE, timeout=90, check=True
    )
    assert done.stdout == b"[]\n"


def test_dropped_commands_that_wait_are_bounded_in_bytes(new_pinged):
    pinged = new_pinged()
    before = resident(pinged.sandbox)
    code = """
import json, os, time
for i in range(150):
    text = json.dumps({"header": {"msg_id": "w%d" % i}, "content": {"code": "'" + "x" * 900_000 + "'"}})
    open(".interactive/commands/.x", "w").write(text)
    os.rename(".interactive/commands/.x", ".interactive/commands/w%d.json" % i)
    time.sleep(0.02)
"""
    with pinged.pings():
        pinged.sandbox.run(code, 60)
    refused = pinged.sandbox.result("w149")
    assert "too many commands wait" in refused["content"]["params"]["reason"]
    assert resident(pinged.sandbox) - before < 150 << 20
    pinged.sandbox.reset()
    pinged.check_next()


def test_many_cells_of_a_failed_run_end_without_delaying_anything_else(new_pinged):
    pinged = new_pinged()
    sandbox = pinged.sandbox
    run = {"runId": "one run"}
    with pinged.pings():
        first = sandbox.send("import time; time.sleep(3); 1/0", metadata=run)
        waiting = [sandbox.send("1", metadata=run) for _ in range(3_000)]
        assert sandbox.finish(first).reply["ename"] == "ZeroDivisionError"
        assert sandbox.finish(waiting[-1]).reply["status"] == "aborted"
        pinged.check_next()
    assert {
        event["content"]["status"]
        for event in sandbox.stream.log
        if event["msg_type"] == "execute_reply" and event["parent_header"]["msg_id"] in set(waiting)
    } == {"aborted"}


ENDLESS = {"header": {"msg_id": "endless", "msg_type": "execute_request"}, "content": {"code": "while True: pass"}}


def test_a_dropped_command_has_the_time_limit_of_the_cells(sandbox):
    sandbox.run("1", timeout=1)
    sandbox.drop("endless.json", dict(ENDLESS, header={"msg_id": "limited", "msg_type": "execute_request"}))
    assert sandbox.result("limited")["content"]["failure"]["code"] == "TimedOut"


def test_an_interrupt_for_a_cell_that_waits_behind_a_dropped_command_ends_that_command(sandbox):
    sandbox.run("1")
    sandbox.drop("endless.json", ENDLESS)
    sandbox.started("endless")
    waiting = sandbox.send("1")
    assert sandbox.interrupt(waiting)["step"] == "aborted"
    assert sandbox.result("endless")["content"]["ename"] == "KeyboardInterrupt"
    assert sandbox.run("2").result == "2"

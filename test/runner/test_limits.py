"""Memory, disk and processes: how the limits of a container affect a cell, and that the next cell runs."""

import time

import pytest

pytestmark = pytest.mark.container


def test_a_cell_over_the_memory_limit_ends_its_kernel_with_a_reason(sandbox):
    cell = sandbox.run("x = []\nwhile True: x.append(bytearray(10_000_000))", seconds=30)
    assert cell.reply["failure"]["code"] == "OutOfMemory"
    assert cell.reply["failure"]["params"]["limit"] >= 256 * 1024 * 1024
    assert sandbox.run("'fresh'").result == "'fresh'"


#: Prints the processes of the supervisor, other than the kernel, that the memory limit kills before the supervisor.
CHOSEN_BEFORE_IT = """
import os
def chosen():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = open("/proc/%s/stat" % pid).read().rpartition(")")[2].split()[1]
            if parent == "1" and int(pid) != os.getpid() and open("/proc/%s/oom_score_adj" % pid).read() == "1000\\n":
                found.append(int(pid))
        except OSError:
            pass
    return sorted(found)
print(*chosen())
"""


def wait_for_two_chosen(sandbox):
    """Waits until two such processes exist. The next kernel and the stand-ins are started while the supervisor is idle."""
    give_up = time.monotonic() + 30
    while len(sandbox.run("print(*chosen())").text().split()) != 2:
        assert time.monotonic() < give_up, "two processes are to be ended before the supervisor"
        time.sleep(1)


def test_while_a_kernel_dies_at_the_memory_limit_another_process_is_killed_before_the_supervisor(new_sandbox):
    sandbox = new_sandbox()
    sandbox.run(CHOSEN_BEFORE_IT)
    wait_for_two_chosen(sandbox)
    sandbox.run("for pid in chosen(): os.kill(pid, 9)")
    wait_for_two_chosen(sandbox)
    sandbox.run("x = []\nwhile True: x.append(bytearray(10_000_000))", seconds=30)
    assert sandbox.run("'lives'").result == "'lives'"


def test_no_process_of_a_cell_outlives_its_kernel_in_place_of_a_stand_in(new_sandbox):
    sandbox = new_sandbox()
    sandbox.run("import time; time.sleep(1.5)")
    before = sandbox.run(CHOSEN_BEFORE_IT).text().split()
    sandbox.reset()
    left = set(before).intersection(sandbox.run(CHOSEN_BEFORE_IT).text().split())
    assert not left


def test_a_child_over_the_memory_limit_is_reported_and_the_kernel_lives(sandbox):
    sandbox.run("kept = 1")
    cell = sandbox.run(
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = []\\nwhile True: x.append(bytearray(10_000_000))']).returncode",
        seconds=30,
    )
    assert cell.result == "-9"
    assert cell.contents("notice")[0]["code"] == "ChildKilled"
    assert sandbox.run("kept").result == "1"


def test_a_full_home_is_an_error_in_the_cell_and_later_cells_run(sandbox):
    cell = sandbox.run("f = open('big', 'wb', buffering=0)\nwhile True: f.write(bytes(1 << 20))", seconds=60)
    assert cell.reply["ename"] == "OSError" and "No space left" in cell.reply["evalue"]
    assert sandbox.run("1").result == "1"
    sandbox.run("f = None; import os; os.unlink('big')")


def test_foreign_files_are_removed_from_a_full_queue(sandbox):
    cell = sandbox.run(
        "f = open('.interactive/big', 'wb', buffering=0)\ntry:\n    while True: f.write(bytes(1 << 20))\nexcept OSError as e: print(e.strerror)",
        seconds=60,
    )
    assert cell.reply["status"] == "ok"
    assert sandbox.run("f.close()").reply["status"] == "ok"
    assert sandbox.run("print('a' * 200_000)").text() == "a" * 200_000 + "\n"


def test_many_processes_end_with_their_kernel(new_sandbox):
    sandbox = new_sandbox(memory=3 << 30)
    cell = sandbox.send(
        "import os, time\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(1000); os._exit(0)\nexcept OSError as e: print('full:', e.strerror)\ntime.sleep(1000)"
    )
    sandbox.wait_text("full:", 60)
    sandbox.reset()
    assert sandbox.run("1 + 1").result == "2"
    assert sandbox.finish(cell).reply["status"] == "aborted"


def test_a_cell_cannot_look_into_the_next_kernel(sandbox):
    sandbox.run("1")
    time.sleep(1.5)  # the spare exists
    cell = sandbox.run(
        "import os\nfor pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    if int(pid) in (os.getpid(), 1) or 'oom_score_adj' in open('/proc/%s/cmdline' % pid).read(): continue  # a stand-in holds nothing\n"
        "    try: open('/proc/%s/mem' % pid, 'r+b').close(); print('open')\n    except OSError as e: print(type(e).__name__)"
    )
    assert "PermissionError" in cell.text() and "open" not in cell.text()


def test_no_signal_of_a_cell_reaches_the_supervisor(sandbox):
    cell = sandbox.run(
        "import os\nfor s in (9, 19, 11, 15, 2, 1):\n    try: os.kill(1, s)\n    except OSError as e: print(e)\nopen('/proc/1/environ').read()"
    )
    assert cell.reply["ename"] == "PermissionError"
    time.sleep(0.2)
    assert sandbox.run("1").result == "1"


def test_a_process_of_the_sandbox_cannot_be_a_host(sandbox):
    cell = sandbox.run(
        "import socket\ns = socket.socket(socket.AF_UNIX); s.connect('\\0sandboxed-ipython'); s.settimeout(2)\nsocket.send_fds(s, [b'host'], [0, 1])\ns.recv(1)"
    )
    assert cell.result == "b''" or cell.reply["ename"] in ("BrokenPipeError", "ConnectionResetError")


def test_the_kernel_lacks_every_capability_and_new_privileges(sandbox):
    text = sandbox.run("print(open('/proc/self/status').read())").text()
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == int(fields["CapPrm"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert fields["Uid"].split()[0] != "0"


def test_a_reset_that_clears_files_clears_shared_memory(sandbox):
    sandbox.run(
        "from multiprocessing import shared_memory, resource_tracker\nm = shared_memory.SharedMemory(create=True, size=1 << 20)\nresource_tracker.unregister(m._name, 'shared_memory')\nopen('/dev/shm/other', 'w').close()"
    )
    sandbox.reset(files="keep")
    assert "other" in sandbox.place.sh("ls /dev/shm")
    sandbox.reset(files="clear")
    assert sandbox.place.sh("ls /dev/shm").strip() == ""

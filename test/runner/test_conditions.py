"""A cell that runs out of a resource gets a notice with the limit while it runs. It continues, and the next cell runs."""

import time

import pytest
from sandbox import DEADLINE_SECONDS

pytestmark = pytest.mark.container

FILL = """
import os
f = open(%r, "wb", buffering=0)
try:
    while True: f.write(bytes(1 << 16))
except OSError as error: print(error.strerror, flush=True)
"""


def notice(sandbox, msg_id, code):
    return sandbox.stream.wait(
        lambda e: e["msg_type"] == "notice" and e["parent_header"]["msg_id"] == msg_id and e["content"]["code"] == code,
        DEADLINE_SECONDS,  # hundreds of processes take half a minute to start on a busy machine
    )


@pytest.mark.parametrize("folder, share", [("/sandbox", 2), ("/tmp", 4), ("/dev/shm", 4)])
def test_a_full_file_system_is_reported_once_while_the_cell_continues(sandbox, folder, share):
    path = folder + "/fill"
    try:
        msg_id = sandbox.send(FILL % path + "import time; time.sleep(2)\n'went on'")
        params = notice(sandbox, msg_id, "DiskFull")["content"]["params"]
        assert params == {"path": folder, "limit": (512 << 20) // share}
        cell = sandbox.finish(msg_id)
        assert cell.result == "'went on'"
        assert len(cell.contents("notice")) == 1
        assert sandbox.run("'still full'").contents("notice") == []
        assert (
            sandbox.run("open(%r, 'wb').write(bytes(1 << 20))" % (folder + "/more")).contents("notice")[0]["params"]
            == params
        ), "an error for lack of room says where"
    finally:
        sandbox.run(
            "import os\nf.close()\nfor name in ('fill', 'more'):\n    if os.path.exists(%r + name): os.remove(%r + name)"
            % (folder + "/", folder + "/")
        )


@pytest.mark.parametrize("size", [400 << 20, 1 << 40])
def test_a_file_that_did_not_fit_and_was_removed_is_reported(sandbox, size):
    cell = sandbox.run(
        "import os, tempfile\nwith tempfile.TemporaryFile() as f: os.posix_fallocate(f.fileno(), 0, %d)" % size
    )
    assert cell.reply["ename"] == "OSError"
    assert cell.contents("notice") == [{"code": "DiskFull", "params": {"path": "", "limit": 0}}]


@pytest.mark.parametrize(
    "code",
    [
        "raise OSError(28, 'No space left on device')",
        "def f(): raise OSError(27, 'mine')\ntry: f()\nexcept OSError as error: raise ValueError('[Errno 28] so it says') from error",
        "class Mine(OSError):\n    @property\n    def __context__(self): 1 / 0\nraise Mine(28, 'mine')",
    ],
)
def test_an_error_that_the_cell_raises_with_that_number_is_not_reported(sandbox, code):
    cell = sandbox.run(code)
    assert cell.reply["status"] == "error" and cell.contents("notice") == []


def test_a_file_that_did_not_fit_is_reported_through_an_exception_raised_from_the_error(sandbox):
    code = "import os, tempfile\ntry:\n    with tempfile.TemporaryFile() as f: os.posix_fallocate(f.fileno(), 0, 1 << 40)\n"
    cell = sandbox.run(code + "except OSError as error: raise ValueError('mine') from error")
    assert cell.reply["ename"] == "ValueError"
    assert [notice["code"] for notice in cell.contents("notice")] == ["DiskFull"]


def test_shared_memory_without_room_ends_the_kernel_and_the_error_names_the_path_and_its_size(sandbox):
    cell = sandbox.run(
        "from multiprocessing import shared_memory\nmemory = shared_memory.SharedMemory(create=True, size=256 << 20)\nfor at in range(0, memory.size, 4096): memory.buf[at] = 1"
    )
    assert cell.reply["failure"] == {
        "code": "KernelDied",
        "params": {"signal": "SIGBUS", "exitcode": 135, "path": "/dev/shm", "limit": (512 << 20) // 4},
    }
    sandbox.run("import glob, os\nfor name in glob.glob('/dev/shm/*'): os.remove(name)")


def test_a_refused_process_is_reported_with_the_limit_while_the_cell_continues(sandbox):
    code = "import subprocess, time\nthere = []\ntry:\n    while True: there.append(subprocess.Popen(['sleep', '1000']))\nexcept OSError as error: print(error)\ntime.sleep(2)\n'went on'"
    msg_id = sandbox.send(code)
    assert notice(sandbox, msg_id, "PidsExhausted")["content"]["params"] == {"limit": 512}
    assert sandbox.finish(msg_id).result == "'went on'"
    assert sandbox.run("for one in there: one.kill(); one.wait()\n'next'").result == "'next'"


def test_a_refused_thread_is_reported_too(sandbox):
    cell = sandbox.run(
        "import threading\nover = threading.Event()\nwhile True: threading.Thread(target=over.wait, daemon=True).start()"
    )
    assert cell.reply["ename"] == "RuntimeError"
    assert cell.contents("notice") == [{"code": "PidsExhausted", "params": {"limit": 512}}]
    assert sandbox.run("over.set(); 'next'").result == "'next'"


def test_a_child_that_the_memory_limit_kills_is_reported_while_the_cell_continues(sandbox):
    code = "import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', 'x = []\\nwhile True: x.append(bytearray(10_000_000))'])\ntime.sleep(4)\n'went on'"
    msg_id = sandbox.send(code)
    notice(sandbox, msg_id, "ChildKilled")
    cell = sandbox.finish(msg_id)
    assert cell.result == "'went on'" and len(cell.contents("notice")) == 1


@pytest.mark.parametrize("place", ["/dev/shm", "/tmp"])
def test_files_in_memory_and_a_heap_together_run_out_of_memory_and_the_error_has_the_size_of_the_files(sandbox, place):
    try:
        cell = sandbox.run(
            "with open(%r, 'wb') as f: f.write(bytes(100 << 20))\nx = []\nwhile True: x.append(bytearray(10_000_000))"
            % (place + "/big"),
            seconds=30,
        )
        assert cell.reply["failure"]["code"] == "OutOfMemory"
        assert cell.reply["failure"]["params"]["tmpfs"] >= 100 << 20
    finally:
        sandbox.run("import os; os.remove(%r)" % (place + "/big"))


def test_a_stop_from_outside_is_reported_in_the_running_cell(new_sandbox):
    sandbox = new_sandbox()
    msg_id, queued = sandbox.send("import time; time.sleep(100)"), sandbox.send("1")
    sandbox.started(msg_id)
    start = time.monotonic()
    sandbox.place.stop()
    assert sandbox.finish(msg_id).reply["failure"] == {"code": "SandboxGone", "params": {"reason": "stopped"}}
    assert sandbox.finish(queued).reply["failure"] == {"code": "Aborted", "params": {"reason": "died"}}
    assert time.monotonic() - start < 9, "it does not wait to be killed"

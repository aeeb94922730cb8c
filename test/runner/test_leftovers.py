"""When a kernel is over, nothing of a cell hides its end, outlives it, or gets into the next kernel."""

import os
import subprocess
import sys
import time

import pytest
from container import docker
from sandbox import RUNNER

TRACE = """
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE = 0x4206
libc.prctl(0x59616d61, ctypes.c_ulong(-1), 0, 0, 0)  # PR_SET_PTRACER, where Yama asks for it
def table():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = open("/proc/%s/stat" % pid).read().rpartition(")")[2].split()[:2]
            found[int(pid)] = int(parent), state, open("/proc/%s/cmdline" % pid).read()
        except OSError:
            pass
    return found
"""

#: A child that traces its kernel and never stops. It counts into a file, which shows that it lives.
TRACED = (
    TRACE
    + """
kernel = os.getpid()
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(write, b"1" if libc.ptrace(PTRACE_SEIZE, kernel, None, None) == 0 else b"0")
    while True:
        with open("alive", "w") as file: file.write(str(time.monotonic()))
        time.sleep(0.05)
print(os.read(read, 1), flush=True)
"""
)


def is_alive(sandbox):
    """Returns whether a process still writes the file ``alive``."""
    return (
        sandbox.run(
            "import time\nbefore = open('alive').read()\ntime.sleep(0.5)\nopen('alive').read() != before"
        ).result
        == "True"
    )


@pytest.mark.container
@pytest.mark.parametrize("end, failure", [("while True: pass", "TimedOut"), ("os._exit(3)", "KernelDied")])
def test_a_tracer_cannot_hide_the_end_of_its_kernel(new_pinged, end, failure):
    pinged = new_pinged()
    with pinged.pings():
        cell = pinged.sandbox.run(
            TRACED + "\nimport signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + end, seconds=40, timeout=2
        )
        assert cell.text() == "b'1'\n"
        assert cell.reply["failure"]["code"] == failure
        assert failure != "KernelDied" or cell.reply["failure"]["params"]["exitcode"] == 3
        pinged.check_next()
    assert not is_alive(pinged.sandbox)


#: The first thread of a process ends, and another one continues.
HEADLESS = """
import ctypes, os, threading, time
def count():
    while True:
        with open("alive", "w") as file: file.write(str(time.monotonic()))
        time.sleep(0.05)
if os.fork() == 0:
    os.setsid()
    threading.Thread(target=count).start()
    ctypes.CDLL(None).pthread_exit(None)
while not os.path.exists("alive"): time.sleep(0.01)
time.sleep(0.3)
"""


def test_a_process_whose_first_thread_has_ended_is_killed_too(new_pinged):
    pinged = new_pinged()
    pinged.run(HEADLESS)
    assert is_alive(pinged.sandbox)
    with pinged.pings():
        pinged.sandbox.reset()
        pinged.check_next()
    assert not is_alive(pinged.sandbox)


#: Tries to trace every new process until the next spare exists and is warm.
SEIZE_THE_NEXT = (
    TRACE
    + """
kernel, deadline, seized = os.getpid(), time.monotonic() + 12, []
def spares(): return [pid for pid, (parent, _, command) in table().items() if parent == 1 and pid != kernel and "main.py" in command]
while not spares() and time.monotonic() < deadline: time.sleep(0.05)
old = spares()
for pid in old: os.kill(pid, 9)
newest = int(open("/proc/loadavg").read().split()[-1])
ptrace, seen, looked = libc.ptrace, None, time.monotonic()
while time.monotonic() < deadline:
    for pid in range(newest + 1, newest + 5):
        if ptrace(PTRACE_SEIZE, pid, None, None) == 0: seized.append(pid)
    if time.monotonic() > looked + 0.5:
        looked = time.monotonic()
        new = [pid for pid in spares() if pid not in old]
        if new and seen is None: seen, deadline = new[0], looked + 1
print(seen is not None, seen in seized)
"""
)


@pytest.mark.container
def test_a_spare_cannot_be_traced_from_its_first_moment(new_pinged):
    assert new_pinged().run(SEIZE_THE_NEXT, seconds=40).text() == "True False\n"


@pytest.mark.container
def test_system_v_shared_memory_is_removed_with_its_kernel(new_pinged):
    """Otherwise its memory would be missing in every later kernel."""
    pinged = new_pinged()
    code = """
import ctypes, os
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
libc.msgget(0, 0o1600), libc.semget(0, 10, 0o1600)
for _ in range(10): ctypes.memset(libc.shmat(libc.shmget(0, 20 << 20, 0o1600), None, 0), 1, 20 << 20)
os._exit(0)
"""
    for _ in range(4):
        assert pinged.run(code).reply["failure"]["code"] == "KernelDied"
    count = """
import time
def objects(): return [len(open("/proc/sysvipc/" + name).readlines()) - 1 for name in ("shm", "msg", "sem")]
give_up = time.monotonic() + 20
while any(objects()) and time.monotonic() < give_up: time.sleep(0.1)
objects()
"""
    assert pinged.sandbox.run(count).result == "[0, 0, 0]"


#: Takes from the next kernel's process what nobody can give back.
LIMIT_THE_NEXT = """
import os, resource, time
me, done = os.getpid(), []
def parent(pid): return int(open("/proc/%%s/stat" %% pid).read().rpartition(")")[2].split()[1])
give_up = time.monotonic() + 20
while len(done) < 3 and time.monotonic() < give_up:
    for pid in {int(name) for name in os.listdir("/proc") if name.isdigit()}.difference([1, me, *done]):
        try:
            if parent(pid) != os.getppid(): continue
            %s
            done.append(pid)
        except OSError: pass
    time.sleep(0.1)
print(len(done))
"""


@pytest.mark.container
@pytest.mark.parametrize(
    "how",
    [
        "resource.prlimit(pid, resource.RLIMIT_FSIZE, (10, 10))",
        "os.setpriority(os.PRIO_PROCESS, pid, 19)",
        "os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))",
    ],
)
def test_no_kernel_has_limits_that_a_former_cell_has_set(new_pinged, how):
    pinged = new_pinged()
    ask = "import os, resource; resource.getrlimit(resource.RLIMIT_FSIZE), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)"
    before = pinged.sandbox.run(ask).result
    assert pinged.run(LIMIT_THE_NEXT % how).text() == "3\n"
    with pinged.pings():
        pinged.sandbox.reset()
        pinged.check_next(ask, before)


def test_an_oom_score_that_a_cell_lowers_is_raised_again(new_pinged):
    cell = new_pinged().run(
        "import os, subprocess, time\n"
        "def score(pid): return open('/proc/%s/oom_score_adj' % pid).read().strip()\n"
        "child = subprocess.Popen(['sh', '-c', 'echo 0 > /proc/self/oom_score_adj; exec sleep 100'])\n"
        "open('/proc/self/oom_score_adj', 'w').write('0')\n"
        "before, deadline = score('self'), time.monotonic() + 20\n"
        "while (score('self'), score(child.pid)) != ('1000', '1000') and time.monotonic() < deadline: time.sleep(0.1)\n"
        "print(before, score('self'), score(child.pid)); child.kill()"
    )
    assert cell.text() == "0 1000 1000\n"


@pytest.mark.container
def test_a_process_that_lowers_its_oom_score_and_becomes_unreachable_is_killed(new_pinged):
    """On Linux the score's file of such a process belongs to root."""
    code = (
        "import ctypes, os, time\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    with open('/proc/self/oom_score_adj', 'w') as file: file.write('0')\n"
        "    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
        "    time.sleep(100)\n"
        "os.waitpid(child, 0)[1]"
    )
    assert new_pinged().run(code).result == "9"


#: A kernel process ends while the processes that it left behind are killed.
REAPED_MEANWHILE = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from sandboxed_ipython import linux
from sandboxed_ipython.options import Options
from sandboxed_ipython.processes import Processes
from sandboxed_ipython.reactor import Reactor
linux.adopt_orphans()
reactor = Reactor()
processes = Processes(reactor, Options(), lambda *ends: time.sleep(100), ())
process = processes._fork()
processes._kill_leftovers(None, None)
give_up = time.monotonic() + 10
while processes._processes and time.monotonic() < give_up: reactor.turn()
print(process.closed, processes._processes)
"""


def test_the_end_of_a_kernel_process_is_noticed_whoever_reaps_it():
    done = subprocess.run(
        [sys.executable, "-c", REAPED_MEANWHILE, str(RUNNER)], stdout=subprocess.PIPE, timeout=60, check=True
    )
    assert done.stdout.decode().strip() == "True {}"


#: A kernel ends each time as soon as it exists; "used" ones end when a cell has begun. Prints how many were replaced,
#: and what is reported then.
ENDS_WHEN_READY = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from sandboxed_ipython import linux, packets
from sandboxed_ipython.options import Options
from sandboxed_ipython.processes import Processes
from sandboxed_ipython.reactor import Reactor
linux.adopt_orphans()

def end_when_ready(channel, *ends):
    for packet in packets.split({"msg_type": "ready", "parent_header": {"msg_id": ""}, "content": {}}, 1):
        channel.send(packet)
    os._exit(3)

class Record:
    state, running_id, pid = "idle", "", 0
    deaths, failures = 0, []
    def knows(self, process): return process is self.process
    def adopt(self, process):
        self.process, self.pid = process, process.pid
        if sys.argv[2] == "used": processes.begin(process)
    def on_message(self, message): pass
    def on_text(self, name, text): pass
    def cannot_start(self, reason): self.failures.append(reason)
    def on_death(self, status):
        self.deaths += 1
        self.process.close()
        self.process, self.pid = None, 0
        processes.replace(self)

reactor, record = Reactor(), Record()
processes = Processes(reactor, Options(), end_when_ready, [record])
processes._make_spare = lambda: None
processes.replace(record)
give_up = time.monotonic() + 60
while record.deaths < 12 and not record.failures and time.monotonic() < give_up: reactor.turn()
print(record.deaths, *record.failures)
"""


@pytest.mark.parametrize("life, told", [("unused", "5 the kernel ends as soon as it starts"), ("used", "12")])
def test_a_kernel_that_repeatedly_ends_before_its_first_cell_is_replaced_with_a_delay(life, told):
    done = subprocess.run(
        [sys.executable, "-c", ENDS_WHEN_READY, str(RUNNER), life], stdout=subprocess.PIPE, timeout=100, check=True
    )
    assert done.stdout.decode().strip() == told


def test_many_resets_leave_no_processes_behind(new_pinged):
    """A cell counts the children of the supervisor: the kernel, the spare and the stand-ins."""
    pinged = new_pinged()
    sandbox = pinged.sandbox
    with pinged.pings():
        for _ in range(10):
            sandbox.run("import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True)")
            sandbox.reset()
        pinged.check_next()
    time.sleep(2)  # the spare and the stand-ins exist
    cell = sandbox.run(TRACE + "\nprint(sum(parent == os.getppid() for parent, _, _ in table().values()))")
    assert int(cell.text()) <= 4


@pytest.mark.container
def test_killing_all_processes_succeeds_if_there_are_none(sandbox):
    code = "import sys; sys.path.insert(0, '/opt/sandboxed-ipython')\nfrom sandboxed_ipython import cleanup\ncleanup._MAX_ONE_BY_ONE = 0\nprint(cleanup.kill_all_if_many())"
    assert (
        docker(
            "run",
            "--rm",
            "--network=none",
            "--entrypoint",
            sandbox.place.python,
            os.environ["SANDBOX_IMAGE"],
            "-I",
            "-c",
            code,
        )
        == "True"
    )

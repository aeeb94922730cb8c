"""What a cell can do to the supervisor with system calls that only require the same user."""

import errno
import os
import struct
import sys

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))
from sandboxed_ipython import syscallfilter

PID, GROUP = 1, 7
ALLOW = 0x7FFF0000

#: The number of each call by ABI, from the tables of Linux: x86_64, i386, aarch64, arm.
NUMBERS = {
    "getpid": (39, 20, 172, 20),
    "prlimit64": (302, 340, 261, 369),
    "sched_setparam": (142, 154, 118, 154),
    "sched_setscheduler": (144, 156, 119, 156),
    "sched_setaffinity": (203, 241, 122, 241),
    "sched_setattr": (314, 351, 274, 380),
    "setpriority": (141, 97, 140, 97),
    "ioprio_set": (251, 289, 30, 314),
    "rt_sigqueueinfo": (129, 178, 138, 178),
    "rt_tgsigqueueinfo": (297, 335, 240, 363),
    "kill": (62, 37, 129, 37),
    "tkill": (200, 238, 130, 238),
    "tgkill": (234, 270, 131, 268),
    "pidfd_send_signal": (424, 424, 424, 424),
}
ABIS = {"x86_64": 0xC000003E, "i386": 0x40000003, "aarch64": 0xC00000B7, "arm": 0x40000028}


def verdict(machine, abi, number, *arguments):
    """Returns what Linux would make of a call: the errno with which the filter refuses it, or 0. Runs the filter as
    ``bpf(4)`` describes.
    """
    data = struct.pack("iIQ6Q", number, ABIS.get(abi, abi), 0, *(list(arguments) + [0] * (6 - len(arguments))))
    code = syscallfilter.program(syscallfilter._ABIS[machine], PID, GROUP)
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, value = struct.unpack_from("HBBI", code, 8 * at)
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("I", data, value)
        elif operation == 0x05:
            at += value
        elif operation == 0x15:
            at += if_true if accumulator == value else if_false
        elif operation == 0x35:
            at += if_true if accumulator >= value else if_false
        else:
            assert operation == 0x06
            return 0 if value == ALLOW else value & 0xFFFF


REFUSED = [
    ("prlimit64", PID, 7, 0x7FFF00000000),
    ("prlimit64", PID, 7, 0x1000),
    ("prlimit64", PID | 5 << 32, 7, 0x1000),  # an int has 32 bits
    ("sched_setparam", PID, 0x1000),
    ("sched_setscheduler", PID, 5, 0x1000),
    ("sched_setaffinity", PID, 8, 0x1000),
    ("sched_setattr", PID, 0x1000, 0),
    ("setpriority", 0, PID, 19),
    ("setpriority", 1, GROUP, 19),
    ("setpriority", 2, 0, 19),
    ("setpriority", 2, 12345, 19),
    ("ioprio_set", 1, PID, 0),
    ("ioprio_set", 2, GROUP, 0),
    ("ioprio_set", 3, 12345, 0),
    ("rt_sigqueueinfo", PID, 15, 0x1000),
    ("rt_tgsigqueueinfo", PID, PID, 15, 0x1000),
    ("tkill", PID, 15),
    ("tgkill", PID, PID, 15),
    ("pidfd_send_signal", 3, 15, 0x1000, 0),
    ("pidfd_send_signal", 3, 15, 0x7FFF00000000, 0),
    ("pidfd_send_signal", 3, 15, 0, 1),
]
ALLOWED = [
    ("getpid",),
    ("getpid", PID),
    ("prlimit64", 0, 7, 0x1000),
    ("prlimit64", 33, 7, 0x1000),
    ("prlimit64", PID, 7, 0, 0x1000),
    ("sched_setscheduler", 0, 3, 0x1000),
    ("sched_setaffinity", 0, 8, 0x1000),
    ("sched_setaffinity", 33, 8, 0x1000),
    ("sched_setattr", 33, 0x1000, 0),
    ("setpriority", 0, 0, 10),
    ("setpriority", 0, 33, 10),
    ("setpriority", 1, 0, 10),
    ("setpriority", 1, PID, 10),
    ("ioprio_set", 1, 0, 0),
    ("ioprio_set", 2, 0, 0),
    ("rt_sigqueueinfo", 33, 15, 0x1000),
    ("kill", PID, 15),
    ("tkill", 33, 15),
    ("tgkill", 33, 34, 15),
    ("pidfd_send_signal", 3, 15, 0, 0),
]


@pytest.mark.parametrize(
    "machine, abi", [("x86_64", "x86_64"), ("x86_64", "i386"), ("aarch64", "aarch64"), ("aarch64", "arm")]
)
def test_the_filter_refuses_calls_that_name_the_supervisor_and_no_others(machine, abi):
    column = list(ABIS).index(abi)
    narrow = abi in ("i386", "arm")
    for expected, calls in ((errno.EPERM, REFUSED), (0, ALLOWED)):
        for name, *arguments in calls:
            if not narrow or max([0, *arguments]) < 1 << 32:
                assert verdict(machine, abi, NUMBERS[name][column], *arguments) == expected, (name, arguments)


def test_the_filter_refuses_abis_that_it_does_not_know():
    assert verdict("x86_64", "x86_64", 0x40000000 | 39) == errno.ENOSYS  # x32
    assert verdict("x86_64", "aarch64", 172) == errno.ENOSYS
    assert verdict("aarch64", 0x4000003E, 39) == errno.ENOSYS


CALLS = """
import ctypes, os, platform, resource, signal, struct
libc = ctypes.CDLL(None, use_errno=True)
numbers = dict(zip(("setattr", "ioprio", "queue", "tqueue", "tkill", "tgkill", "pidfd_open", "pidfd_send"),
                   (314, 251, 129, 297, 200, 234, 434, 424) if platform.machine() == "x86_64" else (274, 30, 138, 240, 130, 131, 434, 424)))
supervisor = os.getppid()
info = ctypes.create_string_buffer(128)
struct.pack_into("iiiiii", info, 0, signal.SIGTERM, 0, -1, 0, 0, os.getuid())  # SI_QUEUE, sent by process 0
def call(name, *arguments):
    if libc.syscall(numbers[name], *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def refused(action):
    try:
        action()
    except PermissionError:
        return True
    except OSError as error:
        return error.strerror
    return False
"""
HOSTILE = {
    "limit of files": "resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (3, 3))",
    "limit of memory": "resource.prlimit(supervisor, resource.RLIMIT_AS, (1000000, 1000000))",
    "idle scheduling": "os.sched_setscheduler(supervisor, os.SCHED_IDLE, os.sched_param(0))",
    "scheduling parameters": "os.sched_setparam(supervisor, os.sched_param(0))",
    "scheduling attributes": "call('setattr', supervisor, struct.pack('IIQiIQQQ', 48, 5, 0, 0, 0, 0, 0, 0), 0)",
    "one processor": "os.sched_setaffinity(supervisor, {0})",
    "priority": "os.setpriority(os.PRIO_PROCESS, supervisor, 19)",
    "priority of the group": "os.setpriority(os.PRIO_PGRP, os.getpgid(supervisor), 19)",
    "priority of the user": "os.setpriority(os.PRIO_USER, os.getuid(), 19)",
    "priority of disks": "call('ioprio', 1, supervisor, 3 << 13)",
    "forged signal": "call('queue', supervisor, signal.SIGTERM, info)",
    "forged signal to the thread": "call('tqueue', supervisor, supervisor, signal.SIGTERM, info)",
    "forged signal by descriptor": "call('pidfd_send', libc.syscall(numbers['pidfd_open'], supervisor, 0), signal.SIGTERM, info, 0)",
    "signal to the thread by descriptor": "call('pidfd_send', libc.syscall(numbers['pidfd_open'], supervisor, 0), signal.SIGTERM, None, 1)",
    "signal to the thread": "call('tgkill', supervisor, supervisor, signal.SIGTERM)",
    "signal to any thread": "call('tkill', supervisor, signal.SIGTERM)",
}


@pytest.mark.smoke
def test_a_cell_cannot_hamper_the_supervisor(new_pinged):
    attempts = ["attempts[%r] = refused(lambda: %s)" % entry for entry in HOSTILE.items()]
    cell = new_pinged().run(
        "\n".join([CALLS, "attempts = {}", *attempts, "[what for what, gain in attempts.items() if gain is not True]"])
    )
    assert cell.result == "[]", cell.reply


@pytest.mark.smoke
def test_neither_a_child_nor_another_program_can_hamper_the_supervisor(new_pinged):
    code = "import os\ntry: os.setpriority(os.PRIO_PROCESS, %s, 19)\nexcept PermissionError: print('refused')"
    cell = new_pinged().run(
        "import os, subprocess, sys\nprint(subprocess.run([sys.executable, '-c', %r %% os.getppid()], stdout=subprocess.PIPE, text=True).stdout)"
        % code
    )
    assert cell.text().strip() == "refused"


@pytest.mark.smoke
def test_a_cell_may_limit_and_schedule_itself_and_its_children(sandbox):
    cell = sandbox.run(
        "import os, resource, signal, subprocess, threading\n"
        "child = subprocess.Popen(['sleep', '100'])\n"
        "for pid in (0, os.getpid(), child.pid):\n"
        "    resource.prlimit(pid, resource.RLIMIT_NOFILE, (1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "    os.sched_setaffinity(pid, os.sched_getaffinity(pid))\n"
        "    os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))\n"
        "    os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))\n"
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)\n"
        "os.setpriority(os.PRIO_PGRP, 0, 11)\n"
        "thread = threading.Thread(target=signal.pthread_kill, args=(threading.main_thread().ident, signal.SIGCONT)); thread.start(); thread.join()\n"
        "os.kill(child.pid, signal.SIGTERM)\n"
        "os.nice(1), child.wait(), resource.getrlimit(resource.RLIMIT_NOFILE)[0]"
    )
    assert cell.result == "(12, -15, 1000)", cell.reply


@pytest.mark.container
def test_a_signal_that_linux_delivers_without_a_sender_does_not_stop_a_sandbox(new_pinged):
    """Once the user's queue of signals is full, Linux delivers the signals of a thread or of ``sigqueue`` without their
    sender.
    """
    pinged = new_pinged()
    cell = pinged.run(
        CALLS + "kept = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})\n"
        "resource.setrlimit(resource.RLIMIT_SIGPENDING, (resource.getrlimit(resource.RLIMIT_SIGPENDING)[1],) * 2)\n"
        "sent = 0\n"
        "struct.pack_into('iiiiii', info, 0, signal.SIGRTMIN, 0, -1, 0, os.getpid(), os.getuid())\n"
        "while libc.syscall(numbers['queue'], os.getpid(), signal.SIGRTMIN, info) == 0: sent += 1\n"
        "struct.pack_into('iiiiii', info, 0, signal.SIGTERM, 0, -1, 0, os.getpid(), os.getuid())\n"
        "for name, words in (('tgkill', (1, 1, signal.SIGTERM)), ('tkill', (1, signal.SIGTERM)), ('queue', (1, signal.SIGTERM, info)),\n"
        "                    ('pidfd_send', (libc.syscall(numbers['pidfd_open'], 1, 0), signal.SIGTERM, None, 1))):\n"
        "    libc.syscall(numbers[name], *words)\n"
        "os.kill(1, signal.SIGTERM)\n"
        "print(sent > 100)",
        seconds=60,
    )
    assert cell.text() == "True\n", cell.reply
    assert pinged.sandbox.place.alive()


#: ``setpriority(PRIO_PROCESS, 1, 19)`` through the 32-bit ABI, from machine code. Status 1: refused; 2: done.
THIRTY_TWO_BITS = """
import ctypes, mmap, os
code = bytes([0xB8, 97, 0, 0, 0, 0x53, 0x31, 0xDB, 0xB9, 1, 0, 0, 0, 0xBA, 19, 0, 0, 0, 0xCD, 0x80, 0x5B, 0xC3])
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
if os.fork() == 0:
    result = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    os._exit(1 if result == -1 else 2)
os.wait()[1] >> 8
"""


@pytest.mark.container
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="machine code of the x86")
def test_the_other_abi_of_the_processor_does_not_bypass_the_filter(new_pinged):
    """An engine's profile also allows the calls of 32-bit programs. (A Linux without them ends the child with a signal:
    0.)
    """
    cell = new_pinged().run(THIRTY_TWO_BITS, following=("import os; os.getpriority(os.PRIO_PROCESS, 1)", "0"))
    assert cell.result in ("1", "0")

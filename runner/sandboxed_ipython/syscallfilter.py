"""A seccomp filter that keeps cells from reaching the supervisor through system calls that only require the same user.

The supervisor cannot be traced or killed, because it is not dumpable and is process 1. But any process of its user may
lower its limits (``prlimit64``), take away its processor share (``sched_set…``, ``setpriority``, ``ioprio_set``), and
send it signals that claim another sender (``rt_sigqueueinfo``) or have none: once the user's queue of signals is full,
Linux delivers signals that were sent to one thread (``tgkill``, flags of ``pidfd_send_signal``) without any sender. The
filter answers EPERM if such a call names the supervisor, or may name it, and allows every other call: a process may
still do all of this to itself and to its children.

Linux passes a filter on to children and through exec. It is installed in the supervisor itself, so that its user has no
process without a filter that a cell could trace and use for such a call.
"""

import ctypes
import errno
import os
import struct
import sys

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_SECCOMP_SET_MODE_FILTER = 1
#: Without this flag, Linux before 5.16 turns a processor optimization off for all processes that inherit the filter.
_SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_LOAD, _JUMP, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x06

#: Offsets in ``struct seccomp_data``. Arguments have 64 bits; the kernel reads 32 bits of an ``int``.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
#: Calls of the x32 ABI have this bit and numbers of their own. Hardly any kernel supports them.
_X32_BIT = 0x40000000

_X86_64, _I386, _AARCH64, _ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
#: ``os.uname().machine`` → ABIs that a process may use there, the native one first.
_ABIS = {"x86_64": (_X86_64, _I386), "aarch64": (_AARCH64, _ARM)}
_SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}

#: Names of the calls, and their numbers in each ABI's table (``syscall_64.tbl``, ``syscall_32.tbl``, ``unistd.h``,
#: ``arm/tools/syscall.tbl``).
_NAMES = (
    "prlimit64",
    "sched_setparam",
    "sched_setscheduler",
    "sched_setaffinity",
    "sched_setattr",
    "setpriority",
    "ioprio_set",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "tkill",
    "tgkill",
    "pidfd_send_signal",
)
_NUMBERS = {
    _X86_64: (302, 142, 144, 203, 314, 141, 251, 129, 297, 200, 234, 424),
    _I386: (340, 154, 156, 241, 351, 97, 289, 178, 335, 238, 270, 424),
    _AARCH64: (261, 118, 119, 122, 274, 140, 30, 138, 240, 130, 131, 424),
    _ARM: (369, 154, 156, 241, 380, 97, 314, 178, 363, 238, 268, 424),
}

_PRIO_PROCESS, _PRIO_PGRP, _PRIO_USER = 0, 1, 2
_IOPRIO_PROCESS, _IOPRIO_PGRP, _IOPRIO_USER = 1, 2, 3


def is_available() -> bool:
    """Returns whether this system can filter system calls and has an ABI that is known here. Emulated machines often
    cannot.
    """
    if os.uname().machine not in _ABIS or ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return False
    # This is the documented way to ask: a filter at a null address is a bad address, unless filters are not supported.
    return _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0) < 0 and ctypes.get_errno() == errno.EFAULT


def install(pid: int, process_group: int) -> None:
    """Filters the system calls of this process and all its descendants from now on. Raises OSError if that fails.

    Args:
        pid: the process to protect.
        process_group: its process group.
    """
    machine = os.uname().machine
    code = program(_ABIS[machine], pid, process_group)
    buffer = ctypes.create_string_buffer(code, len(code))
    described = ctypes.create_string_buffer(struct.pack("HP", len(code) // 8, ctypes.addressof(buffer)))
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0:
        _fail("no_new_privs")
    if _libc.syscall(_SECCOMP_CALL[machine], _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_SPEC_ALLOW, described) == 0:
        return
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described, 0, 0) < 0:
        _fail("seccomp")


def _fail(what):
    number = ctypes.get_errno()
    raise OSError(number, "%s: %s" % (what, os.strerror(number)))


def program(abis: tuple[int, ...], pid: int, process_group: int) -> bytes:
    """Returns the filter as the bytes of its instructions.

    It answers EPERM to calls that would reach the process or its group, and ENOSYS to calls of an unknown ABI.
    """
    code = [_instruction(_LOAD, _ARCHITECTURE)]
    for abi in abis:
        part = _part(abi, pid, process_group)
        code += [_instruction(_JUMP_IF_EQUAL, abi, 1, 0), _instruction(_JUMP, len(part)), *part]
    return b"".join([*code, _refuse(errno.ENOSYS)])


def _part(abi, pid, process_group):
    """Returns the instructions for the calls of one ABI."""
    code = [_instruction(_LOAD, _NUMBER)]
    if abi == _X86_64:
        code += [_instruction(_JUMP_IF_AT_LEAST, _X32_BIT, 0, 1), _refuse(errno.ENOSYS)]
    for name, number in zip(_NAMES, _NUMBERS[abi]):
        if name == "prlimit64":  # without new limits the call only reads the old ones
            block = [*_skip_unless(0, pid, _is_null(2)), _refuse(errno.EPERM)]
        elif name == "setpriority":
            block = _refuse_priority(_PRIO_PROCESS, _PRIO_PGRP, _PRIO_USER, pid, process_group)
        elif name == "ioprio_set":
            block = _refuse_priority(_IOPRIO_PROCESS, _IOPRIO_PGRP, _IOPRIO_USER, pid, process_group)
        elif (
            name == "pidfd_send_signal"
        ):  # the filter cannot see whom the descriptor names; honest senders pass neither information nor flags
            block = [*_are_zero(_ARGUMENTS + 8 * 2, _ARGUMENTS + 8 * 2 + 4, _ARGUMENTS + 8 * 3), _refuse(errno.EPERM)]
        else:
            block = [
                _load(0),
                _instruction(_JUMP_IF_EQUAL, pid, 0, 1),
                _refuse(errno.EPERM),
                _instruction(_RETURN, _ALLOW),
            ]
        code += [_instruction(_JUMP_IF_EQUAL, number, 0, len(block)), *block]
    return [*code, _instruction(_RETURN, _ALLOW)]


def _refuse_priority(by_process, by_group, by_user, pid, process_group):
    """Returns the instructions for calls whose first argument says how the second one names the target. Every process
    of a sandbox has the same user.
    """
    return [
        _load(0),
        _instruction(_JUMP_IF_EQUAL, by_user, 6, 0),
        _instruction(_JUMP_IF_EQUAL, by_group, 3, 0),
        _instruction(_JUMP_IF_EQUAL, by_process, 0, 5),
        _load(1),
        _instruction(_JUMP_IF_EQUAL, pid, 2, 3),
        _load(1),
        _instruction(_JUMP_IF_EQUAL, process_group, 0, 1),
        _refuse(errno.EPERM),
        _instruction(_RETURN, _ALLOW),
    ]


def _skip_unless(argument, value, block):
    """Allows the call at once unless an ``int`` argument has the value; otherwise continues with the block."""
    return [_load(argument), _instruction(_JUMP_IF_EQUAL, value, 1, 0), _instruction(_RETURN, _ALLOW), *block]


def _is_null(argument):
    """Allows the call if a pointer is null; otherwise continues behind these instructions."""
    return _are_zero(_ARGUMENTS + 8 * argument, _ARGUMENTS + 8 * argument + 4)


def _are_zero(*offsets):
    """Allows the call if all these 32-bit words are zero; otherwise continues behind these instructions."""
    code = []
    for left in range(len(offsets), 0, -1):
        code += [_instruction(_LOAD, offsets[-left]), _instruction(_JUMP_IF_EQUAL, 0, 0, 2 * left - 1)]
    return [*code, _instruction(_RETURN, _ALLOW)]


def _load(argument):
    """Loads the lower 32 bits of an argument."""
    return _instruction(_LOAD, _ARGUMENTS + 8 * argument)


def _refuse(number):
    return _instruction(_RETURN, _ERRNO | number)


def _instruction(code, value, if_true=0, if_false=0):
    return struct.pack("HBBI", code, if_true, if_false, value)

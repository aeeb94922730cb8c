"""The few calls of Linux that Python's standard library lacks, by ctypes."""

import ctypes
import errno
import fcntl
import os
import signal
import struct
import time

_libc = ctypes.CDLL(None, use_errno=True)

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36

#: Ends the system call that a kernel is in. Nobody else minds it: what has no handler for it ignores it.
NUDGE = signal.SIGURG

#: For how long a thread that prints by stdio is waited for.
_FLUSH_SECONDS = 0.1

_PIDFD_OPEN = 434

#: What ``os.uname().machine`` says → number of ``sched_setattr``, whose structure has this layout: size, policy, flags, nice, priority,
#: runtime, deadline, period.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SCHED_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
_SCHED_OTHER, _SCHED_FLAG_RESET_ON_FORK = 0, 1
SHORTEST_TURN_NANOSECONDS = 100_000

MFD_CLOEXEC = 0x1
MFD_ALLOW_SEALING = 0x2
F_ADD_SEALS = 1033
F_SETPIPE_SZ = 1031
#: Against writing, growing, shrinking and other seals.
_SEALS = 0x8 | 0x4 | 0x2 | 0x1

#: ``si_code`` of a signal that ``kill`` sent.
_SI_USER = 0

IN_CLOSE_WRITE = 0x8
IN_MOVED_TO = 0x80
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_UNMOUNT = 0x2000
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x01000000


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))
    return result


def set_dumpable(dumpable):
    """Whether processes of the same uid may look into this one (``/proc/<pid>/mem``, ``fd``, ``environ``, ptrace)."""
    _check(_libc.prctl(PR_SET_DUMPABLE, int(dumpable), 0, 0, 0), "prctl")


def set_turns(nanoseconds):
    """The length of this thread's turns on a processor: one with shorter turns comes to the next one sooner, and gets no more in all.

    What it forks has turns of the usual length. Linux knows this since 6.12 and ignores it before. Raises OSError where the call fails.
    """
    number = _SCHED_SETATTR.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "sched_setattr: not known on this machine")
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _SCHED_ATTRIBUTES.pack(
        _SCHED_ATTRIBUTES.size, _SCHED_OTHER, _SCHED_FLAG_RESET_ON_FORK, nice, 0, nanoseconds, 0, 0
    )
    _check(_libc.syscall(number, 0, attributes, 0), "sched_setattr")


def adopt_orphans():
    """Orphaned descendants become children of this process, as they do of pid 1 anyway."""
    _check(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def open_pidfd(pid):
    """A descriptor of a child that becomes readable when all its threads have ended, even while another process traces it.

    Raises OSError where Linux is older than 5.3 or an engine's profile refuses the call. (``os.pidfd_open`` is not in every
    Python that runs here.) The number is that of every ABI.
    """
    return _check(_libc.syscall(_PIDFD_OPEN, pid, 0), "pidfd_open")


def flush_c_streams():
    """What C code printed through stdio leaves its buffers.

    Not ``fflush(NULL)``, which waits for every stream of the process, also for one that a thread reads from until something
    comes. And a stream whose lock another thread keeps is left to that.
    """
    for name in ("stdout", "stderr"):
        try:
            stream = ctypes.c_void_p.in_dll(_libc, name)
            if not _libc.__fpending(stream):
                continue
        except (AttributeError, ValueError):  # a libc that has not told us its streams
            _libc.fflush(None)
            return
        give_up = time.monotonic() + _FLUSH_SECONDS
        while _libc.ftrylockfile(stream):
            if time.monotonic() > give_up:
                return
            time.sleep(0.001)
        _libc.fflush(stream)
        _libc.funlockfile(stream)


def memory_file(name, flags=MFD_CLOEXEC):
    """The descriptor of an empty file in memory. (``os.memfd_create`` is not in every Python that runs here.)"""
    try:
        create = _libc.memfd_create
    except AttributeError as error:
        raise OSError(errno.ENOSYS, str(error)) from None
    return _check(create(name.encode("ascii"), flags), "memfd_create")


def sealed_memory_file(name):
    """The descriptor of an empty file that stays empty."""
    fd = memory_file(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)
    try:
        fcntl.fcntl(fd, F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(fd)
        raise
    return fd


def set_pipe_size(fd, size):
    """Gives a pipe room for ``size`` bytes; how many it has, or 0 where Linux refuses it, as when the user has too many pipes."""
    try:
        return fcntl.fcntl(fd, F_SETPIPE_SZ, size)
    except OSError:
        return 0


def inotify_init():
    return _check(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init1")


def inotify_add_watch(fd, path, mask):
    return _check(_libc.inotify_add_watch(fd, os.fsencode(path), mask), "inotify_add_watch")


def inotify_rm_watch(fd, watch):
    _check(_libc.inotify_rm_watch(fd, watch), "inotify_rm_watch")


def inotify_events(data):
    """(watch, mask, name) of every event in what was read from an inotify descriptor."""
    offset = 0
    while offset + 16 <= len(data):
        watch, mask, _, length = struct.unpack_from("iIII", data, offset)
        name = data[offset + 16 : offset + 16 + length].rstrip(b"\0")
        yield watch, mask, os.fsdecode(name)
        offset += 16 + length


class SignalFd:
    """Signals as readable events that name their sender; the given signals are blocked from now on."""

    _SIZE = 128

    def __init__(self, signals):
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        mask = (ctypes.c_ulong * 16)()
        for number in signals:
            mask[(number - 1) // 64] |= 1 << ((number - 1) % 64)
        self.fd = _check(_libc.signalfd(-1, mask, os.O_CLOEXEC | os.O_NONBLOCK), "signalfd")

    def read(self):
        """``(number, is_from_outside)`` of each pending signal: whether a process outside our pid namespace sent it by ``kill``.

        Such a sender has no pid here. A cell can claim that too (``rt_sigqueueinfo``), but not along with the code of ``kill``.
        """
        try:
            data = os.read(self.fd, self._SIZE * 16)
        except BlockingIOError:
            return []
        signals = [struct.unpack_from("IiiI", data, at) for at in range(0, len(data), self._SIZE)]
        return [(number, code == _SI_USER and sender == 0) for number, _, code, sender in signals]

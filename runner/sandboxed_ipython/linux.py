"""The few Linux calls that Python's standard library lacks, made through ctypes."""

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

#: A signal that ends the system call that a kernel waits in. A process without a handler for it ignores it.
NUDGE = signal.SIGURG

#: Seconds for which :func:`flush_c_streams` waits for a thread that prints through stdio.
_FLUSH_SECONDS = 0.1

_PIDFD_OPEN = 434

#: ``os.uname().machine`` → number of ``sched_setattr``. Its structure has this layout: size, policy, flags, nice,
#: priority, runtime, deadline, period.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SCHED_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
_SCHED_OTHER, _SCHED_FLAG_RESET_ON_FORK = 0, 1
MIN_TURN_NANOSECONDS = 100_000

MFD_CLOEXEC = 0x1
MFD_ALLOW_SEALING = 0x2
F_ADD_SEALS = 1033
F_SETPIPE_SZ = 1031
#: Seals against writing, growing, shrinking and further seals.
_SEALS = 0x8 | 0x4 | 0x2 | 0x1

#: ``si_code`` of a signal that ``kill`` has sent.
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


def set_dumpable(dumpable: bool) -> None:
    """Sets whether processes of the same uid may look into this one (``/proc/<pid>/mem``, ``fd``, ``environ``, ptrace)."""
    _check(_libc.prctl(PR_SET_DUMPABLE, int(dumpable), 0, 0, 0), "prctl")


def set_turns(nanoseconds: int) -> None:
    """Sets the length of this thread's turns on a processor. A thread with shorter turns gets its next turn sooner, and
    no more time in all.

    Forked children have turns of the usual length. Linux knows this since 6.12 and ignores it before. Raises OSError if
    the call fails.
    """
    number = _SCHED_SETATTR.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "sched_setattr: not known on this machine")
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _SCHED_ATTRIBUTES.pack(
        _SCHED_ATTRIBUTES.size, _SCHED_OTHER, _SCHED_FLAG_RESET_ON_FORK, nice, 0, nanoseconds, 0, 0
    )
    _check(_libc.syscall(number, 0, attributes, 0), "sched_setattr")


def adopt_orphans() -> None:
    """Makes orphaned descendants children of this process, as they become children of process 1 anyway."""
    _check(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def open_pidfd(pid: int) -> int:
    """Returns a descriptor of a child that becomes readable when all threads of the child have ended, even while
    another process traces it.

    Raises OSError if Linux is older than 5.3 or an engine's profile refuses the call. (``os.pidfd_open`` is not in
    every Python that runs here.) The call has the same number in every ABI.
    """
    return _check(_libc.syscall(_PIDFD_OPEN, pid, 0), "pidfd_open")


def flush_c_streams() -> None:
    """Flushes what C code has written to stdout and stderr through stdio.

    It does not call ``fflush(NULL)``, which waits for every stream of the process, also for one that a thread reads
    from. A stream whose lock another thread keeps longer than a moment is not flushed.
    """
    for name in ("stdout", "stderr"):
        try:
            stream = ctypes.c_void_p.in_dll(_libc, name)
            if not _libc.__fpending(stream):
                continue
        except (AttributeError, ValueError):  # a libc that does not export its streams
            _libc.fflush(None)
            return
        give_up = time.monotonic() + _FLUSH_SECONDS
        while _libc.ftrylockfile(stream):
            if time.monotonic() > give_up:
                return
            time.sleep(0.001)
        _libc.fflush(stream)
        _libc.funlockfile(stream)


def memory_file(name: str, flags: int = MFD_CLOEXEC) -> int:
    """Returns the descriptor of an empty file in memory. Raises OSError. (``os.memfd_create`` is not in every Python
    that runs here.)
    """
    try:
        create = _libc.memfd_create
    except AttributeError as error:
        raise OSError(errno.ENOSYS, str(error)) from None
    return _check(create(name.encode("ascii"), flags), "memfd_create")


def sealed_memory_file(name: str) -> int:
    """Returns the descriptor of an empty file that stays empty. Raises OSError."""
    fd = memory_file(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)
    try:
        fcntl.fcntl(fd, F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(fd)
        raise
    return fd


def set_pipe_size(fd: int, size: int) -> int:
    """Gives a pipe room for ``size`` bytes. Returns the bytes that it has room for, or 0 if Linux refuses, for example
    because the user has too many pipes.
    """
    try:
        return fcntl.fcntl(fd, F_SETPIPE_SZ, size)
    except OSError:
        return 0


def inotify_init() -> int:
    """Returns a new, non-blocking inotify descriptor. Raises OSError."""
    return _check(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init1")


def inotify_add_watch(fd: int, path: str, mask: int) -> int:
    """Watches ``path`` for the events in ``mask``. Returns the watch descriptor. Raises OSError."""
    return _check(_libc.inotify_add_watch(fd, os.fsencode(path), mask), "inotify_add_watch")


def inotify_rm_watch(fd: int, watch: int) -> None:
    """Removes a watch. Raises OSError if it is gone already."""
    _check(_libc.inotify_rm_watch(fd, watch), "inotify_rm_watch")


def inotify_events(data):
    """Yields (watch, mask, name) of every event in ``data``, which was read from an inotify descriptor."""
    offset = 0
    while offset + 16 <= len(data):
        watch, mask, _, length = struct.unpack_from("iIII", data, offset)
        name = data[offset + 16 : offset + 16 + length].rstrip(b"\0")
        yield watch, mask, os.fsdecode(name)
        offset += 16 + length


class SignalFd:
    """Receives signals through a descriptor, together with their sender. Blocks the given signals from then on."""

    _SIZE = 128

    def __init__(self, signals):
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        mask = (ctypes.c_ulong * 16)()
        for number in signals:
            mask[(number - 1) // 64] |= 1 << ((number - 1) % 64)
        self.fd = _check(_libc.signalfd(-1, mask, os.O_CLOEXEC | os.O_NONBLOCK), "signalfd")

    def read(self) -> list[tuple[int, bool]]:
        """Returns ``(number, is_from_outside)`` of each pending signal. ``is_from_outside`` is True if a process
        outside this pid namespace sent the signal with ``kill``.

        Such a sender has no pid here. A cell can claim that too (``rt_sigqueueinfo``), but not together with the code
        of ``kill``.
        """
        try:
            data = os.read(self.fd, self._SIZE * 16)
        except BlockingIOError:
            return []
        signals = [struct.unpack_from("IiiI", data, at) for at in range(0, len(data), self._SIZE)]
        return [(number, code == _SI_USER and sender == 0) for number, _, code, sender in signals]

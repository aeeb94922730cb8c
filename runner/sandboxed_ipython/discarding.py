"""Receives from and closes sockets over which a cell can send descriptors, without ever waiting for a close.

Closing the last reference to a socket can block: until the unsent data of a lingering socket (``SO_LINGER``) are sent,
also if that socket is itself still in another socket's queue. A process that exits never waits for that. So the
supervisor closes what a cell has sent while a child of its own still holds it; the child's exit then drops the last
reference.
"""

import array
import logging
import os
import signal
import socket
import struct

from . import deadman

log = logging.getLogger(__name__)

#: Number of descriptors that one message can carry (``SCM_MAX_FD`` of Linux).
_MAX_FDS = 253
#: More messages than a socket's queue holds, because each takes some hundred bytes of it. An empty message looks like
#: the end of the queue.
_MAX_QUEUED = 1000
_NO_LINGER = struct.pack("ii", 1, 0)
#: Descriptors that are not closed yet because no child could be forked.
_kept = []


def receive(sock, size: int) -> tuple[bytes, list[int]]:
    """Receives one message. Returns ``(data, fds)``; the caller must pass the descriptors to :func:`discard`, or close
    them if it asked for them.

    Args:
        sock: a connected socket.
        size: bytes of data to receive at most.

    Raises OSError as ``recvmsg`` does.
    """
    data, ancillary, _, _ = sock.recvmsg(size, socket.CMSG_SPACE(_MAX_FDS * 4), socket.MSG_CMSG_CLOEXEC)
    fds = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found = array.array("i")
            found.frombytes(content[: len(content) - len(content) % found.itemsize])
            fds.extend(found)
    return data, fds


def close_socket(sock) -> None:
    """Closes a connected socket whose queue a cell may have filled with descriptors."""
    try:
        sock.shutdown(socket.SHUT_RDWR)  # from now on nothing more arrives
    except OSError:
        pass  # the other end is closed
    sock.setblocking(False)
    fds = []
    for _ in range(_MAX_QUEUED):
        try:
            fds.extend(receive(sock, 4096)[1])
        except OSError:
            pass  # an error of the socket is reported before the messages that are left in its queue
    discard(fds)
    sock.close()


def discard(fds: list[int]) -> None:
    """Closes descriptors that a cell has made.

    If no child can be forked, process 1 kills all processes of the cells, because their number or memory is in the way,
    and keeps the descriptors for :func:`discard_kept`.
    """
    if not fds:
        return
    for fd in fds:
        _forbid_linger(fd)
    _kept.extend(fds)
    if not discard_kept() and os.getpid() == 1:
        log.warning(
            "all processes of the cells are ended: one has sent descriptors, and they leave no room for a child"
        )
        os.kill(-1, signal.SIGKILL)


def discard_kept() -> bool:
    """Closes the descriptors that :func:`discard` could not close. Returns False if that fails again."""
    if not _kept:
        return True
    child, release = _holder()
    if not child:
        return False
    for fd in _kept:
        os.close(fd)
    _kept.clear()
    os.close(release)
    return True


def _holder():
    """Forks a child that holds all descriptors of this process until ``fd`` is closed. Returns ``(pid, fd)``, or pid 0
    if the fork fails.
    """
    wait, release = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        log.warning("descriptors that a cell has sent will be closed later: %s", error.strerror)
        os.close(wait)
        os.close(release)
        return 0, -1
    if pid == 0:
        try:
            deadman.disarm()
            os.close(release)
            os.read(wait, 1)
        finally:
            os._exit(0)
    os.close(wait)
    return pid, release


def _forbid_linger(fd):
    """Makes a socket of the simple kind reset its connection instead of waiting. This helps if a cell ends the child
    too early.
    """
    try:
        with socket.socket(fileno=os.dup(fd)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    except OSError:
        pass  # not a socket, or a socket without this option

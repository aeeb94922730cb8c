"""Sockets by which a cell can send descriptors, and how those are let go of without waiting.

Whoever closes the last reference to a socket may have to wait: for the unsent data of one that lingers (``SO_LINGER``), or of one that
is itself under way in another's queue. A process that exits never waits for that. So what a cell has sent is closed here
while a child of ours still holds it, and the child's exit is what ends it.
"""

import array
import logging
import os
import signal
import socket
import struct

from . import deadman

log = logging.getLogger(__name__)

#: Descriptors that one message can bring (``SCM_MAX_FD`` of Linux).
_MAX_FDS = 253
#: More messages than a queue holds, each of which takes some hundred bytes of it. An empty one cannot be told from the queue's end.
_MAX_QUEUED = 1000
_NO_LINGER = struct.pack("ii", 1, 0)
#: Descriptors for which no child could be had yet.
_kept = []


def receive(sock, size):
    """``(data, fds)`` of one message; whoever calls discards the descriptors, or closes them where it asked for them."""
    data, ancillary, _, _ = sock.recvmsg(size, socket.CMSG_SPACE(_MAX_FDS * 4), socket.MSG_CMSG_CLOEXEC)
    fds = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found = array.array("i")
            found.frombytes(content[: len(content) - len(content) % found.itemsize])
            fds.extend(found)
    return data, fds


def close_socket(sock):
    """Closes a connected socket whose queue a cell may have filled."""
    try:
        sock.shutdown(socket.SHUT_RDWR)  # from now on nothing more comes in
    except OSError:
        pass  # the other end is gone
    sock.setblocking(False)
    fds = []
    for _ in range(_MAX_QUEUED):
        try:
            fds.extend(receive(sock, 4096)[1])
        except OSError:
            pass  # an error of the socket comes before what is left in its queue
    discard(fds)
    sock.close()


def discard(fds):
    """Closes descriptors that somebody else has made. Where no child can be had, pid 1 ends all processes of the cells, whose number or
    memory is in the way, and keeps the descriptors for :func:`discard_kept`."""
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


def discard_kept():
    """Closes what :func:`discard` could not. False: nor could this."""
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
    """``(pid, fd)`` of a child that holds all that we hold until ``fd`` is closed; 0 where none can be had."""
    wait, release = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        log.warning("descriptors that a cell has sent are closed later: %s", error.strerror)
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
    """First aid, should a cell end the child too early: a socket of the simple kind is reset instead of waited for."""
    try:
        with socket.socket(fileno=os.dup(fd)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    except OSError:
        pass  # no socket, or one without the option

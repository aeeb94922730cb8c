"""A socket that a cell sends with a message is closed without waiting for its unsent data."""

import pytest

#: ``lingering()`` returns the descriptor of a socket whose close waits: it has unsent data and lingers for hours.
#: ``inside(fd)`` returns a socket in whose queue such a socket is in transit.
SOCKETS = """
import os, socket, struct, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
peers = []
def lingering(accepted=True):
    one = socket.socket()
    one.connect(listener.getsockname())
    if accepted: peers.append(listener.accept()[0])
    one.setblocking(False)
    try:
        while True: one.send(b"x" * 65536)
    except BlockingIOError: pass
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 10_000))
    return one.detach()
def inside(fd):
    one, other = socket.socketpair()
    socket.send_fds(one, [b"x"], [fd])
    os.close(fd)
    one.close()
    return other.detach()
pair = get_ipython().sandbox.channel.socket
"""


def gone(cell):
    """Returns whether the kernel has ended and the cell reports that."""
    return cell.reply["failure"]["code"] == "KernelDied"


@pytest.mark.parametrize("made", ["lingering()", "inside(lingering())"], ids=["itself", "in another's queue"])
def test_a_lingering_socket_sent_over_the_pair_ends_its_kernel_and_delays_nothing(new_pinged, made):
    pinged = new_pinged()
    cell = pinged.run(
        SOCKETS
        + "for i in range(3):\n    for j in range(100): pair.send(b'y')\n    fd = %s; socket.send_fds(pair, [b'y'], [fd]); os.close(fd)\ntime.sleep(60)"
        % made
    )
    assert gone(cell)


def test_a_lingering_socket_that_is_unread_when_its_kernel_ends_delays_nothing(new_pinged):
    cell = new_pinged().run(
        SOCKETS
        + "fd = lingering()\nfor i in range(20): pair.send(b''); socket.send_fds(pair, [b''], [fd])\nos.kill(os.getpid(), 9)"
    )
    assert gone(cell)


@pytest.mark.container
def test_a_lingering_socket_sent_to_the_hosts_socket_delays_nothing(new_pinged):
    # Done by a child, because a process that exits waits for no socket, and the listener belongs to its parent.
    code = """
for _ in range(5):
    pid = os.fork()
    if pid == 0:
        try:
            door = socket.socket(socket.AF_UNIX)
            door.connect("\\0sandboxed-ipython")
            fd = lingering(accepted=False)
            socket.send_fds(door, [b"host"], [fd, fd])
        finally: os._exit(0)
    os.waitpid(pid, 0)
time.sleep(1)
"""
    assert new_pinged().run(SOCKETS + code).reply["status"] == "ok"


@pytest.mark.container
def test_lingering_sockets_sent_to_the_hosts_socket_delay_nothing_if_no_process_can_be_forked(new_pinged):
    """The children exist before the sockets, because they would hold the sockets too."""
    code = """
reading, writing = os.pipe()
try:
    while True:
        if os.fork() == 0: os.read(reading, 1); os._exit(0)
except OSError: pass
def sent(fd):
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect("\\0sandboxed-ipython")
            socket.send_fds(door, [b"host"], [fd])
            return True
        except BrokenPipeError: return False  # the supervisor has closed the stream before
give_up = time.monotonic() + 30
for fd in [inside(lingering()) for _ in range(8)]:
    while not sent(fd) and time.monotonic() < give_up: pass
    os.close(fd)
time.sleep(30)
"""
    assert gone(new_pinged(memory=3 << 30).run(SOCKETS + code, seconds=60))

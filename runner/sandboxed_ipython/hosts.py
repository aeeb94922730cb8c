"""Hosts: clients that follow the log over an exec stream and may send commands."""

import logging
import os
import socket
import struct

from . import discarding, wire
from .fragments import CommandChunks

log = logging.getLogger(__name__)

_READ_BYTES = 1 << 18
#: Bytes of answers outside the log (pong, complete_reply) that may wait. A host that lets more pile up is disconnected.
_MAX_UNREAD_ANSWER_BYTES = 8 * 1024 * 1024


class Host:
    """One exec stream. It reads commands and writes the log from its cursor on. A host that does not read costs only
    its cursor.

    Args:
        hosts: the :class:`Hosts`.
        link: the socket to the relay.
        stdin, stdout: the descriptors of the stream.
    """

    def __init__(self, hosts, link, stdin, stdout):
        self._hosts = hosts
        self._reactor = hosts.reactor.owned(self.close)
        self._link = link
        self._stdin = stdin
        self._stdout = stdout
        self._reading = True
        self._received = bytearray()
        self._skipping = False
        self._answers = bytearray()
        self._unsent = memoryview(b"")
        self._line_open = False
        self.cursor = None
        self.id = ""
        self.writer = False
        #: Joins the host's long commands.
        self.chunks = CommandChunks()
        self.closed = False
        os.set_blocking(stdin, False)
        os.set_blocking(stdout, False)
        self._reactor.watch(stdin, on_read=self._on_readable)
        # The relay keeps its end open while it lives. If it is killed, the stream itself still works.
        self._reactor.watch(link.fileno(), on_read=self._on_link)

    def answer(self, message: dict) -> None:
        """Sends one message that is not in the log, before the rest of the log."""
        if self.closed:
            return
        if len(self._answers) > _MAX_UNREAD_ANSWER_BYTES:
            log.warning("a host that does not read its answers is disconnected")
            self.close()
            return
        self._answers += wire.dumps(message) + b"\n"
        self.pump()

    def pump(self, to_the_end: bool = False) -> None:
        """Writes until the stream is full or nothing is left, but no longer than this turn lasts, unless
        ``to_the_end``.
        """
        begun = False
        while not self.closed:
            if begun and not to_the_end and self._reactor.turn_is_over:
                self._reactor.watch(self._stdout, on_write=self.pump)
                return
            begun = True
            if not self._unsent and not self._fill():
                self._reactor.watch(self._stdout)
                return
            try:
                written = os.write(self._stdout, self._unsent)
            except BlockingIOError:
                self._reactor.watch(self._stdout, on_write=self.pump)
                return
            except OSError:
                self.close()
                return
            self._line_open = self._unsent[written - 1] != 0x0A
            self._unsent = self._unsent[written:]

    def close(self) -> None:
        """Closes the stream. May be called twice."""
        if self.closed:
            return
        self.closed = True
        for fd in (self._stdin, self._stdout, self._link.fileno()):
            self._reactor.unwatch(fd)
        os.close(self._stdin)
        os.close(self._stdout)
        discarding.close_socket(self._link)
        self._hosts.gone(self)

    def _fill(self):
        """Takes the next bytes to write. Answers only go between whole lines. Returns False if there is nothing to
        send.
        """
        if self._answers and not self._line_open:
            self._unsent = memoryview(bytes(self._answers))
            self._answers.clear()
            return True
        if self.cursor is None:
            return False
        data = self._hosts.event_log.read(self.cursor, _READ_BYTES)
        self._unsent = memoryview(data)
        return bool(data)

    def _on_link(self):
        try:
            data, fds = discarding.receive(self._link, 64)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        discarding.discard(fds)
        if not data:
            self._reactor.unwatch(self._link.fileno())

    def _on_readable(self):
        try:
            data = os.read(self._stdin, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        if not self._reactor.gradually(self._lines(data)) and not self.closed:
            self._reading = False
            self._reactor.unwatch(self._stdin)

    def _lines(self, data):
        """Handles the complete lines, one per step. After the last step the stream is read again."""
        start = 0
        while not self.closed:
            end = data.find(b"\n", start)
            if end < 0:
                break
            self._take(data[start:end])
            line, self._received = bytes(self._received), bytearray()
            start = end + 1
            if self._skipping:
                self._skipping = False
                self.refuse("", "the line is too long")
            elif line:
                self._hosts.on_line(self, line)
            yield
        if not self.closed:
            self._take(data[start:])
            if not self._reading:
                self._reading = True
                self._reactor.watch(self._stdin, on_read=self._on_readable)

    def _take(self, piece):
        if len(self._received) + len(piece) > wire.MAX_COMMAND_BYTES:
            self._skipping = True
        if self._skipping:
            self._received.clear()
        else:
            self._received += piece

    def refuse(self, msg_id: str, reason: str) -> None:
        """Sends ``refused`` for the command ``msg_id``."""
        log.warning("refused a host's command: %s", reason)
        self.answer(
            self._hosts.envelope(
                "control", "refused", {"code": "ProtocolViolation", "params": {"reason": reason}}, msg_id
            )
        )


class Hosts:
    """All hosts, the socket that they connect to, and the choice of the writer.

    Args:
        reactor: the supervisor's reactor.
        eventlog: the :class:`EventLog`.
        envelope: makes an unlogged event (:meth:`Supervisor.envelope`).
        on_line: ``on_line(host, line)`` gets each line (bytes) of a host.
        on_change: ``on_change()`` is called when a host has come or gone.
        address: name of the abstract socket.
    """

    def __init__(self, reactor, eventlog, envelope, on_line, on_change, address):
        self.reactor = reactor
        self.event_log = eventlog
        self.envelope = envelope
        self.on_line = on_line
        self._on_change = on_change
        self._all = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._listener.bind("\0" + address)
        self._listener.listen(16)
        reactor.watch(self._listener.fileno(), on_read=self._on_connect)

    def __len__(self):
        return len(self._all)

    def follow(self, host, content: dict) -> None:
        """Handles the first command of a host, a ``follow_request``.

        A new stream of the same host replaces its old stream. A host with ``take_over`` replaces the writer.
        """
        host.id = content["host"]
        if content["take_over"]:
            for other in [one for one in self._all if one is not host and one.writer]:
                other.close()
        if host.id:
            for other in [one for one in self._all if one is not host and one.id == host.id]:
                other.close()
        host.writer = content["writer"] and not any(one.writer for one in self._all)

    def pump(self, to_the_end: bool = False) -> None:
        """Writes to all hosts (:meth:`Host.pump`)."""
        for host in list(self._all):
            self.reactor.guarded(lambda host=host: host.pump(to_the_end), host.close)

    def gone(self, host) -> None:
        """Removes a closed host."""
        if host in self._all:
            self._all.remove(host)
            self._on_change()

    def close(self) -> None:
        """Closes all hosts."""
        for host in list(self._all):
            host.close()

    def _on_connect(self):
        try:
            link, _ = self._listener.accept()
        except OSError:
            return
        link.setblocking(False)
        if not _from_outside(link):
            log.warning("a process of the sandbox itself tried to become a host")
            discarding.close_socket(link)
            return
        self.reactor.watch(link.fileno(), on_read=lambda: self._on_hand_over(link))

    def _on_hand_over(self, link):
        self.reactor.unwatch(link.fileno())
        try:
            fds = discarding.receive(link, 16)[1]
        except OSError:
            fds = []
        if len(fds) != 2:
            discarding.discard(fds)
            discarding.close_socket(link)
            return
        self._all.append(Host(self, link, *fds))
        self._on_change()


def _from_outside(link):
    """Returns whether the engine put the peer of a socket into the container: then it is root, which no cell can become
    and no cell can trace.

    Outside a container (in a test on the host) everybody may connect.
    """
    if os.getpid() != 1:
        return True
    _, uid, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid == 0

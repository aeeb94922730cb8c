"""One kernel process as the supervisor sees it: its pid, the pair for messages, and the pipes from its fd 1 and fd 2."""

import logging
import os
import select
import signal
import socket
import traceback
from collections import deque

from . import deadman, discarding, linux, packets
from .emptyinput import EmptyInput
from .endofprocess import EndOfProcess
from .textpipe import READ_BYTES, TextPipe, events_of

log = logging.getLogger(__name__)

#: More packets than the pair's buffer holds: each takes at least some hundred bytes of it.
_MAX_LAST_PACKETS = 1024
_EMPTY, _DONE, _MORE = range(3)


class KernelProcess:
    """A forked kernel process. The constructor forks; it raises OSError if that fails.

    Messages and texts are passed on in the order in which the kernel sent them, provided that the kernel waits for
    empty pipes before it sends a packet or changes pipes (see ``kernel/channel.py``). The process is killed if one of
    its messages cannot be handled or comes with a descriptor.

    Args:
        reactor: the supervisor's reactor.
        child: ``child(pair, stdin, stdout, stderr)`` is the life of the forked process.
        on_message: ``on_message(process, message)`` gets each message (dict) or :class:`packets.Piece`.
        on_text: ``on_text(process, name, text)`` gets the text of the stream ``name``.
        on_end: ``on_end(process)`` is called when no thread of the process runs any more, before or after its exit can
            be reaped.
    """

    def __init__(self, reactor, child, on_message, on_text, on_end):
        self._reactor = reactor = reactor.owned(self.kill)
        self._on_message = on_message
        self._on_text = on_text
        self.ready = False
        #: True once a cell was sent to it, or it was ready for some time.
        self.proven = False
        #: True if it was not ready in time and was killed for that.
        self.late = False
        self.closed = False
        self._outgoing = deque()
        self._series = 0
        #: How often the kernel has asked for its pipes to be read until they are empty, and how many of these requests
        #: are done.
        self._drains_asked = self._drains_done = 0
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pipes = [os.pipe(), os.pipe()]
        self.stdin = EmptyInput()
        try:
            self.pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            self.stdin.close()
            for ends in pipes:
                os.close(ends[0])
                os.close(ends[1])
            raise
        if self.pid == 0:
            try:
                deadman.disarm()
                child(theirs, self.stdin.fd, pipes[0][1], pipes[1][1])
            except BaseException:
                os.write(2, traceback.format_exc().encode("utf-8", "replace"))
            finally:
                os._exit(70)
        theirs.close()
        self._socket = ours
        ours.setblocking(False)
        self._pipes = {}
        for name, (read, write) in zip(("stdout", "stderr"), pipes):
            os.close(write)
            self._pipes[name] = TextPipe(name, read)
            reactor.watch(read, on_read=lambda name=name: self._on_pipe(name))
        reactor.watch(ours.fileno(), on_read=self._on_packets)
        self._end = EndOfProcess(reactor, self.pid, lambda: on_end(self))

    def send(self, message: dict) -> None:
        """Queues a message for the kernel. Never blocks, whatever the kernel does."""
        if self.closed:
            return
        self._series += 1
        self._outgoing.extend(packets.split(message, "h%d" % self._series))
        self._flush()

    def interrupt(self) -> None:
        """Sends SIGINT to the kernel and to what it started in its own process group."""
        self._signal(os.killpg, signal.SIGINT)

    def nudge(self) -> None:
        """Ends the system call in which the kernel may be waiting. If the kernel has no other signal to handle, it
        repeats the call.
        """
        self._signal(os.kill, linux.NUDGE)

    def has_ended(self) -> bool:
        """Returns whether no thread of it runs any more. It may not be reaped yet."""
        return self._end.has_come()

    def resume(self) -> None:
        """Continues the process, which a cell of the former kernel may have stopped."""
        self._signal(os.kill, signal.SIGCONT)

    def kill(self) -> None:
        """Kills the process and its process group."""
        self._signal(os.killpg, signal.SIGKILL)
        self._signal(os.kill, signal.SIGKILL)

    def drain(self) -> None:
        """Reads what a dead kernel has left in the pair and the pipes, in order as far as possible.

        It reads no more than is there now, because children of the kernel may go on filling the pipes for as long as
        they live.
        """
        left = {pipe: pipe.unread() for pipe in self._pipes.values()}
        for _ in range(_MAX_LAST_PACKETS):
            if not self._read_packet():
                break
        for pipe, size in left.items():
            while size > 0:
                taken = self._read_pipe(pipe)
                if not taken:
                    break
                size -= taken

    def end_text(self) -> None:
        """Passes on the beginning of a character whose end was not written, so that it is not shown in front of a later
        cell's text.
        """
        for pipe in self._pipes.values():
            text = pipe.decoder.decode(b"", True)
            if text:
                self._on_text(self, pipe.name, text)

    def close(self) -> None:
        """Closes the descriptors. May be called twice. A process that still holds the other ends gets SIGPIPE or
        end-of-file.
        """
        if self.closed:
            return
        self.closed = True
        self._reactor.unwatch(self._socket.fileno())
        discarding.close_socket(self._socket)
        self._end.close()
        self.stdin.close()
        for pipe in self._pipes.values():
            pipe.close(self._reactor)

    def _signal(self, function, number):
        try:
            function(self.pid, number)
        except ProcessLookupError:
            pass  # it has ended by itself, which will be noticed
        except PermissionError as error:
            log.warning("signal %d: %s", number, error)

    def _flush(self):
        while self._outgoing:
            try:
                self._socket.send(self._outgoing[0])
            except (BlockingIOError, InterruptedError):
                self._reactor.watch(self._socket.fileno(), on_read=self._on_packets, on_write=self._flush)
                return
            except OSError:
                self._outgoing.clear()
                return
            self._outgoing.popleft()
        self._reactor.watch(self._socket.fileno(), on_read=self._on_packets)

    @property
    def _drain_asked(self):
        return self._drains_done < self._drains_asked

    def _on_packets(self):
        if self._read_packets() is not _MORE and self._drain_asked:
            self._read_texts()

    def _read_texts(self):
        """Reads the pipes without overtaking a packet.

        A pipe counts only if it had text before the pair was read empty: everything that was sent before that text is
        then handled, and what follows the text is not sent before the supervisor has read it. Only the text that was
        there at that time is read: while a part of it is in the pipe no packet can follow, but behind it a packet may
        come.
        """
        asked = self._drains_asked
        drains = self._drain_asked
        waiting = [(pipe, size) for pipe, size in ((pipe, pipe.unread()) for pipe in self._pipes.values()) if size]
        if self._read_packets() is _MORE:
            return
        done = [self._read_waiting(pipe, size, drains) for pipe, size in waiting]
        if all(done):
            # A later request may be about text in a pipe that was empty when this method looked.
            self._drains_done = max(self._drains_done, asked)

    def _read_waiting(self, pipe, size, to_the_end):
        """Reads the ``size`` bytes that are there.

        Unless ``to_the_end``, a rest that does not fill an event is left for the next time. Returns False if the turn
        ended before.
        """
        taken = 0
        while taken < size and (to_the_end or not taken or size - taken >= READ_BYTES):
            if taken and self._reactor.turn_is_over:
                break
            count = self._read_pipe(pipe)
            if not count:
                break
            taken += count
        if to_the_end:
            pipe.end_burst()
        if not pipe.ended:
            pipe.begin_pause(taken, max(0, size - taken))
        return taken >= size or pipe.ended or not to_the_end

    def _read_packets(self):
        """Handles the packets that have arrived. Returns :data:`_MORE` if there may be more, :data:`_EMPTY` if there
        was none, else :data:`_DONE`.
        """
        if not self._read_packet():
            return _EMPTY
        while not self._reactor.turn_is_over:
            if not self._read_packet():
                return _DONE
        return _MORE

    def _read_packet(self):
        """Handles one packet. Returns False if there is none."""
        if self.closed:
            return False
        try:
            packet, fds = discarding.receive(self._socket, packets.PACKET_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionResetError:
            return True  # a message to the process was lost, because it is gone; its own messages can still be read
        except OSError:
            packet, fds = b"", []
        if fds:
            log.warning("the kernel's process is ended: it has sent %d descriptors", len(fds))
            discarding.discard(fds)
            self.kill()
        if not packet and events_of(self._socket.fileno()) & (select.POLLHUP | select.POLLERR):
            # Every holder of the other end is gone. The death of the kernel is noticed from its process, not from this.
            self._reactor.unwatch(self._socket.fileno())
            return False
        message = packets.parse(packet)
        if message is packets.DRAIN:
            # Not done at once: the pipes may have been read since this was sent, and text that came after that belongs
            # behind the next packets.
            self._drains_asked += 1
            for pipe in self._pipes.values():
                self._end_pause(pipe)
        elif message is None:
            log.warning("the kernel has sent an invalid packet of %d bytes", len(packet))
        elif not (self.ready and isinstance(message, dict) and message["msg_type"] == "ready"):  # "ready" is sent once
            self._take(message)
        return True

    def _take(self, message):
        try:
            self._on_message(self, message)
        except Exception:
            log.exception("the kernel's process is ended: what it has said cannot be handled")
            self.kill()

    def _on_pipe(self, name):
        pipe = self._pipes[name]
        if not pipe.unread():
            if pipe.hung_up():
                pipe.close(self._reactor)
            return
        pause = 0.0 if self._drain_asked else pipe.seconds_to_wait()
        if pause:
            self._reactor.unwatch(pipe.fd)
            pipe.timer = self._reactor.after(pause, lambda: self._on_pause_over(pipe))
        else:
            self._read_texts()

    def _on_pause_over(self, pipe):
        self._end_pause(pipe)
        self._read_texts()

    def _end_pause(self, pipe):
        if pipe.cancel_pause():
            self._reactor.watch(pipe.fd, on_read=lambda: self._on_pipe(pipe.name))

    def _read_pipe(self, pipe):
        """Reads once. Returns the number of bytes that were read."""
        if pipe.ended or self.closed:
            return 0
        data = pipe.read()
        if data == b"":
            pipe.close(self._reactor)
        if not data:
            return 0
        text = pipe.decoder.decode(data)
        if text:
            self._on_text(self, pipe.name, text)
        return len(data)

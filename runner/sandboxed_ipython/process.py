"""One kernel process as the supervisor sees it: its pid, the pair, and the pipes behind its fd 1 and fd 2."""

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

#: More packets than the pair's buffer holds: each takes some hundred bytes of it at least.
_LAST_PACKETS = 1024
_EMPTY, _DONE, _MORE = range(3)


class KernelProcess:
    """Forks at once. ``on_message(process, message_or_piece)`` and ``on_text(process, name, text)`` bring what it says,
    ``on_end(process)`` that nothing of it runs any more, before or after its exit is there to be reaped.

    The order of the two is the order in which the kernel said it, provided that it waits for empty pipes before it
    sends a packet or changes pipes (see ``kernel/streams.py``). Raises OSError if it cannot be forked.
    A message that cannot be handled, or a descriptor that comes along with one, ends the process.
    """

    def __init__(self, reactor, child, on_message, on_text, on_end):
        self._reactor = reactor = reactor.owned(self.kill)
        self._on_message = on_message
        self._on_text = on_text
        self.ready = False
        #: It has been of use, or could have been for some time.
        self.proven = False
        #: It was not ready in time, and ended for that.
        self.late = False
        self.closed = False
        self._outgoing = deque()
        self._series = 0
        #: How often the kernel has asked for its pipes to be read empty, and how many of these times they have been.
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

    def send(self, message):
        """Queues a message for the kernel; never blocks, whatever the kernel is doing."""
        if self.closed:
            return
        self._series += 1
        self._outgoing.extend(packets.split(message, "h%d" % self._series))
        self._flush()

    def interrupt(self):
        """SIGINT to the kernel and what it started in its own process group."""
        self._signal(os.killpg, signal.SIGINT)

    def nudge(self):
        """Ends the system call in which the kernel waits, if it does: it goes on with it where it knows of no other signal."""
        self._signal(os.kill, linux.NUDGE)

    def has_ended(self):
        """Whether nothing of it runs any more; it may still be there to be reaped."""
        return self._end.has_come()

    def resume(self):
        """A cell of the kernel before may have stopped it."""
        self._signal(os.kill, signal.SIGCONT)

    def kill(self):
        self._signal(os.killpg, signal.SIGKILL)
        self._signal(os.kill, signal.SIGKILL)

    def drain(self):
        """Reads what a dead kernel has left behind, in order as far as there is one, and no more: its children may go on
        to fill what they share with it for as long as they live."""
        left = {pipe: pipe.unread() for pipe in self._pipes.values()}
        for _ in range(_LAST_PACKETS):
            if not self._read_packet():
                break
        for pipe, size in left.items():
            while size > 0:
                taken = self._read_pipe(pipe)
                if not taken:
                    break
                size -= taken

    def end_text(self):
        """What is there of a character that was not written to its end is shown now, and not in front of a later cell's text."""
        for pipe in self._pipes.values():
            text = pipe.decoder.decode(b"", True)
            if text:
                self._on_text(self, pipe.name, text)

    def close(self):
        """Lets go of the descriptors; a process that still holds the other ends gets SIGPIPE or end-of-file."""
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
            pass  # it ended by itself; its death is on its way
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

        A pipe counts only if it had text before the pair was read empty: what had been sent before that text is handled
        then, and what follows it is not sent before we have read it. Only what was there then is read: while a part of it is in
        the pipe no packet can follow, and behind it there may be one.
        """
        asked = self._drains_asked
        drains = self._drain_asked
        waiting = [(pipe, size) for pipe, size in ((pipe, pipe.unread()) for pipe in self._pipes.values()) if size]
        if self._read_packets() is _MORE:
            return
        done = [self._read_waiting(pipe, size, drains) for pipe, size in waiting]
        if all(done):
            # Of those that were asked for since, the text may be in a pipe that was empty when we looked.
            self._drains_done = max(self._drains_done, asked)

    def _read_waiting(self, pipe, size, to_the_end):
        """Reads ``size`` bytes that are there. Unless ``to_the_end``, a rest that makes no full event is left for the next time.
        False: the turn is over before."""
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
        """Handles what has arrived: :data:`_MORE` if there may be more, :data:`_EMPTY` if there was nothing, else :data:`_DONE`."""
        if not self._read_packet():
            return _EMPTY
        while not self._reactor.turn_is_over:
            if not self._read_packet():
                return _DONE
        return _MORE

    def _read_packet(self):
        """Handles one packet. False: there is none."""
        if self.closed:
            return False
        try:
            packet, fds = discarding.receive(self._socket, packets.PACKET_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionResetError:
            return True  # what was under way to a process that is gone; what it has said is still to come
        except OSError:
            packet, fds = b"", []
        if fds:
            log.warning("the kernel's process is ended: it has sent %d descriptors", len(fds))
            discarding.discard(fds)
            self.kill()
        if not packet and events_of(self._socket.fileno()) & (select.POLLHUP | select.POLLERR):
            # Every holder of the other end is gone. Death is told by the process, not by this.
            self._reactor.unwatch(self._socket.fileno())
            return False
        message = packets.parse(packet)
        if message is packets.DRAIN:
            # Not at once: we may have read the pipes since it was sent, and what came after is behind it here.
            self._drains_asked += 1
            for pipe in self._pipes.values():
                self._end_pause(pipe)
        elif message is None:
            log.warning("a packet of the kernel makes no sense: %d bytes", len(packet))
        elif not (self.ready and isinstance(message, dict) and message["msg_type"] == "ready"):  # which it says once
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
        """One read; the number of bytes that it gave."""
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

"""The numbered event log of a sandbox: segments of JSON lines with a budget in bytes, read by position.

A reader is a :class:`Cursor`. A slow reader costs nothing, because the log is the only buffer.
"""

import errno
import os
import re
from collections import deque

from . import commfold, fragments, linux, wire
from .commlog import CommLog, Entry

#: A segment is closed at this size, so that there is something to trim, ...
SEGMENT_BYTES = 4 * 1024 * 1024
#: ... and at this size where a cell starts, so that trimming removes whole cells unless they are very long. The size is
#: large enough to keep the number of files low.
CELL_SEGMENT_BYTES = 256 * 1024
#: Number of trimmed segments whose size is still known.
_MAX_REMEMBERED_SEGMENTS = 4096
#: Bytes that may be kept in memory when a cell has filled the queue's file system. Beyond that, text is dropped and
#: counted.
SPILL_BYTES = 4 * 1024 * 1024
_SKIP_READ_BYTES = 1 << 18
#: The beginning of every line, and the bytes that it has at most.
_SEQ = re.compile(rb'\{"seq":(\d{1,18}),')
_MAX_SEQ_BYTES = 32
#: Types that are never dropped, because a host would wait for them forever.
ESSENTIAL_TYPES = frozenset(
    (
        "accepted",
        "status",
        "execute_input",
        "execute_reply",
        "interrupt_reply",
        "reset_reply",
        "error",
        "input_request",
        "notice",
    )
)


class Segment:
    """A run of events in one file. ``length`` is the number of bytes that were written, even if a cell has changed the
    file since.

    The ranges ``first``..``last`` of the segments have no gaps. The numbers in a range that are not in the file belong
    to comm messages.
    """

    __slots__ = ("fd", "first", "last", "length", "path", "serial")

    def __init__(self, fd, path, first, serial):
        self.fd = fd
        self.path = path
        self.serial = serial
        self.first = first
        self.last = first - 1
        self.length = 0


class Cursor:
    """A reader's place in the log: a segment, and the next byte to read from it. ``after`` is the number after which to
    read.

    ``comm`` is the number of the last comm message that was read, and ``reported`` that of the last lost one that was
    reported. ``gap`` is ``(from, to)`` of events that turned out to be gone. ``open`` is True while a line was read
    only in part.
    """

    __slots__ = ("after", "comm", "gap", "offset", "open", "reported", "segment")

    def __init__(self, after):
        self.segment = None
        self.offset = 0
        self.after = self.comm = self.reported = after
        self.gap = None
        self.open = False


class EventLog:
    """Appends events and reads them back.

    Args:
        folder: path of the folder for the segments.
        budget: bytes of all segments together.
        note: ``note(kind, content, seq)`` returns the line (bytes) of an unlogged event about the log itself.
        make_room: ``make_room()`` is called when the file system is full. It may delete files that do not belong there.
    """

    def __init__(self, folder, budget, note, make_room=lambda: None):
        self._folder = folder
        self._budget = budget
        self._note = note
        self._make_room = make_room
        self._segments = []
        self._trimmed = deque(maxlen=_MAX_REMEMBERED_SEGMENTS)  # (last seq, bytes) of trimmed segments
        self._comms = CommLog(budget)
        self._size = 0
        self._spilled = 0
        self._series = 0
        self.last = 0
        self._start_segment()

    @property
    def first(self) -> int:
        """The number of the oldest event that is still there (``last + 1`` in an empty log)."""
        return self._segments[0].first

    def file_names(self) -> list[str]:
        """Returns the names of the log's own files."""
        return [os.path.basename(segment.path) for segment in self._segments if segment.path]

    def append(self, event: dict) -> int:
        """Numbers and writes one event (without ``seq``), in several chunks if it is long. Returns its number, or 0 if
        there was no room.
        """
        lines = fragments.lines(event, self._next_series())
        for line in lines:
            seq = self._write(event["msg_type"] if len(lines) == 1 else "chunk", line)
        return seq if len(lines) == 1 else self.last

    def append_chunk(self, envelope: dict, series: str, index: int, last: bool, text: str) -> int:
        """Numbers and writes one piece of a long message. The arguments are those of :func:`fragments.chunk`. Returns its
        number, or 0.
        """
        return self._write("chunk", wire.dumps(fragments.chunk(envelope, series, index, last, text)))

    def append_comm(self, event: dict) -> bool:
        """Numbers a comm message, or the events about one that a host has sent. These are numbered like any event, but
        kept by other rules (``commlog.py``).

        Returns True if the state of the comm has just become too large to be kept.
        """
        update, segment, series = commfold.update_of(event), self._segments[-1], self._next_series()
        lines = update.lines(series) if update else fragments.lines(event, series)
        self.last += len(lines)
        return self._comms.add(Entry(self.last, segment.serial, segment.length, lines, update), event)

    @property
    def comm_state_limit(self) -> int:
        """Bytes of state that one comm may have, and all comms together."""
        return self._comms.half

    def _next_series(self):
        self._series += 1
        return "s%d" % self._series

    def new_segment(self) -> None:
        """Starts a new segment if the last one is large enough. Called at a cell's start, so that trimming removes
        whole cells if they fit into a segment.
        """
        if self._segments[-1].length >= CELL_SEGMENT_BYTES:
            self._start_segment()
            self._trim()

    def read(self, cursor, size: int) -> bytes:
        """Reads up to about ``size`` bytes after the cursor, in whole or partial lines, and moves the cursor.

        Where events are gone, a ``gap`` or a ``comm_gap`` stands in their place.
        """
        parts = []
        while size > 0:
            part = self._next(cursor, size)
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _next(self, cursor, size):
        while True:
            if cursor.segment is None or cursor.segment.fd < 0:
                self._place(cursor)
            lost = self._comms.lost(max(cursor.comm, cursor.reported))
            if lost is not None:
                cursor.reported = lost[0]
                return self._line(cursor, self._note("comm_gap", {"messages": lost[1], "bytes": lost[2]}, 0))
            entry = self._comms.after(cursor.comm)
            if entry is not None and self._is_due(entry, cursor):
                cursor.comm = entry.last
                return self._line(cursor, entry.data)
            if cursor.gap is not None:
                (first, last), cursor.gap = cursor.gap, None
                size = sum(length for end, length in self._trimmed if first <= end <= last)  # counted in whole segments
                return self._line(cursor, self._note("gap", {"from": first, "to": last, "bytes": size}, last))
            segment = cursor.segment
            end = entry.offset if entry is not None and entry.serial == segment.serial else segment.length
            if cursor.offset < end:
                data = os.pread(segment.fd, min(size, end - cursor.offset), cursor.offset)
                if data:
                    cursor.offset += len(data)
                    cursor.open = data[-1] != 0x0A
                    return data
                # a cell has truncated the file, so its content is gone
                cursor.gap, cursor.offset = (cursor.after + 1, segment.last), segment.length
                continue
            index = self._segments.index(segment) + 1
            cursor.after = segment.last
            if index == len(self._segments):
                return b""
            cursor.segment, cursor.offset = self._segments[index], 0

    @staticmethod
    def _line(cursor, data):
        """Returns a whole line. If a line before it was read only in part and its rest is gone, a line end comes first."""
        data, cursor.open = (b"\n" if cursor.open else b"") + data, False
        return data

    @staticmethod
    def _is_due(entry, cursor):
        """Returns whether all events before this comm message have been read, or are known to be gone."""
        if cursor.gap is not None:
            return entry.last < cursor.gap[1]  # numbers only increase
        return (entry.serial, entry.offset) <= (cursor.segment.serial, cursor.offset)

    def _place(self, cursor):
        """Finds a segment for a cursor that has none, or whose segment was trimmed."""
        old = cursor.segment
        wanted = cursor.after + 1 if old is None else max(cursor.after + 1, old.last + 1)
        segment = next((one for one in self._segments if one.last >= wanted or one is self._segments[-1]), None)
        if old is not None and cursor.offset < old.length:
            cursor.gap = (cursor.gap[0] if cursor.gap else cursor.after + 1, old.last)
        if segment.first > wanted:
            cursor.gap = (cursor.gap[0] if cursor.gap else wanted, segment.first - 1)
        cursor.segment, cursor.offset = segment, 0
        cursor.after = max(cursor.after, segment.first - 1)
        if wanted > segment.first:
            self._skip(cursor, wanted)

    def _skip(self, cursor, wanted):
        """Moves the cursor to the first line with the number ``wanted`` or a higher one. The number is read from each
        line, because a cell may have overwritten other lines.
        """
        segment = cursor.segment
        cursor.offset, cursor.after = segment.length, wanted - 1
        offset, line_starts = 0, True
        while offset < segment.length:
            data = os.pread(segment.fd, _SKIP_READ_BYTES, offset)
            if not data:
                return
            start = 0
            while start < len(data):
                if line_starts:
                    if start and len(data) - start < _MAX_SEQ_BYTES and offset + len(data) < segment.length:
                        break  # the next piece contains the whole beginning of the line
                    match = _SEQ.match(data, start)
                    if match and wanted <= int(match.group(1)) <= segment.last:
                        cursor.offset = offset + start
                        return
                end = data.find(b"\n", start)
                line_starts = end >= 0
                start = end + 1 if line_starts else len(data)
            offset += start

    def _write(self, msg_type, line):
        seq = self.last + 1
        data = wire.numbered(seq, line)
        segment = self._segments[-1]
        if segment.length + len(data) > SEGMENT_BYTES and segment.length:
            segment = self._start_segment()
        if not self._put(segment, data):
            # older events are given up last, because there may soon be room again
            self._make_room()
            if not self._put(segment, data) and not self._spill(msg_type, data):
                self._trim(len(data))
                if not self._put(self._segments[-1], data):
                    return 0
        self._segments[-1].last = self.last = seq
        if self._size > self._budget:
            self._trim()
        return seq

    def _put(self, segment, data):
        try:
            written = os.pwrite(segment.fd, data, segment.length)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM):
                raise
            return False
        if written < len(data):
            return False
        segment.length += written
        self._size += written
        return True

    def _spill(self, msg_type, data):
        """Writes a line into the supervisor's own memory, because the file system is full and stays full. Essential
        lines must not be lost.
        """
        if self._spilled + len(data) > SPILL_BYTES and msg_type not in ESSENTIAL_TYPES:
            return False
        segment = self._segments[-1]
        if segment.path is not None:
            segment = self._add(linux.memory_file("events"), None)
        self._spilled += len(data)
        return self._put(segment, data)

    def _start_segment(self):
        path = os.path.join(self._folder, "%d.jsonl" % (self.last + 1))
        try:
            os.makedirs(self._folder, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError:
            return self._add(linux.memory_file("events"), None)
        return self._add(fd, path)

    def _add(self, fd, path):
        before = self._segments[-1] if self._segments else None
        segment = Segment(fd, path, before.last + 1 if before else 1, before.serial + 1 if before else 0)
        self._segments.append(segment)
        return segment

    def _trim(self, room=0):
        """Drops the oldest finished segments while the log is over its budget, or until ``room`` bytes are free."""
        while len(self._segments) > 1 and (self._size > self._budget or room > 0):
            segment = self._segments.pop(0)
            self._trimmed.append((segment.last, segment.length))
            self._size -= segment.length
            room -= segment.length
            if segment.path is None:
                self._spilled = max(0, self._spilled - segment.length)
            else:
                try:
                    os.unlink(segment.path)
                except OSError:
                    pass  # a cell has removed it already
            os.close(segment.fd)
            segment.fd = -1

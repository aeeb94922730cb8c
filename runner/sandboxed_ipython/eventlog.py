"""The one numbered log of a sandbox: segments of JSON lines under a budget in bytes, read by offset.

A reader is a :class:`Cursor`; how slow it is costs nothing here, because the log is the only buffer.
"""

import errno
import os
import re
from collections import deque

from . import wire

#: A segment is closed at this size, so that trimming has something to trim, ...
SEGMENT_BYTES = 4 * 1024 * 1024
#: ... and earlier where a cell starts, so that whole cells are trimmed, but not so early that files become many.
CELL_SEGMENT_BYTES = 256 * 1024
#: Segments that are gone and whose size is still known.
_REMEMBERED_SEGMENTS = 4096
#: What may be kept outside the queue's file system when a cell has filled that; beyond it text is dropped and counted.
SPILL_BYTES = 4 * 1024 * 1024
_SKIP_BYTES = 1 << 18
#: How every line begins, and the most bytes that this takes.
_SEQ = re.compile(rb'\{"seq":(\d{1,18}),')
_SEQ_BYTES = 32
#: Types that are never dropped: without them a host would wait for ever.
ESSENTIAL = frozenset(("accepted", "status", "execute_input", "execute_reply", "interrupt_reply", "reset_reply", "error", "input_request", "notice"))


class Segment:
    """A run of events in one file. ``length`` is what was written, whatever a cell has made of the file since."""

    __slots__ = ("fd", "first", "last", "length", "path")

    def __init__(self, fd, path, first):
        self.fd = fd
        self.path = path
        self.first = first
        self.last = first - 1
        self.length = 0


class Cursor:
    """A place in the log: the next byte to read of a segment, and the seq after which to start."""

    __slots__ = ("after", "offset", "segment")

    def __init__(self, after):
        self.segment = None
        self.offset = 0
        self.after = after


class EventLog:
    """Appends events and reads them back.

    ``make_room`` is called when the file system is full; it may delete what does not belong there.
    """

    def __init__(self, folder, budget, make_room=lambda: None):
        self._folder = folder
        self._budget = budget
        self._make_room = make_room
        self._segments = []
        self._trimmed = deque(maxlen=_REMEMBERED_SEGMENTS)  # (last seq, bytes) of segments that are gone
        self._size = 0
        self._spilled = 0
        self._series = 0
        self.last = 0
        self._start_segment()

    @property
    def first(self):
        """The oldest event that is still there (``last + 1`` in an empty log)."""
        return self._segments[0].first

    def file_names(self):
        """Names of the files that are the log's own."""
        return [os.path.basename(segment.path) for segment in self._segments if segment.path]

    def append(self, event):
        """Numbers and writes one event (without ``seq``), in pieces if it is long. Returns its seq, 0 if there was no room."""
        line = wire.dumps(event)
        if len(line) <= wire.CHUNK_BYTES:
            return self._write(event["msg_type"], line)
        self._series += 1
        inner = {name: event[name] for name in ("channel", "msg_type", "parent_header", "content", "metadata", "buffers")}
        text = wire.dumps(inner).decode("utf-8")
        pieces = [text[at : at + wire.CHUNK_BYTES // 2] for at in range(0, len(text), wire.CHUNK_BYTES // 2)]
        for index, piece in enumerate(pieces):
            self.append_chunk(event, "s%d" % self._series, index, index == len(pieces) - 1, piece)
        return self.last

    def append_chunk(self, envelope, series, index, last, text):
        """One piece of a long message; ``envelope`` gives kernel, gen, t, channel and parent."""
        chunk = dict(envelope, msg_type="chunk", content={"id": series, "i": index, "last": last, "data": text}, metadata={}, buffers=[])
        return self._write("chunk", wire.dumps(chunk))

    def new_segment(self):
        """Called at a cell's start, so that whole cells are trimmed."""
        if self._segments[-1].length >= CELL_SEGMENT_BYTES:
            self._start_segment()
            self._trim()

    def read(self, cursor, size):
        """Up to about ``size`` bytes of whole or part lines after the cursor, which moves on.

        Returns ``(data, gap)``: gap is ``(from, to, bytes)`` when what the cursor stood before is no longer there.
        """
        gap = None
        while True:
            if cursor.segment is None or cursor.segment.fd < 0:
                wanted = cursor.after + 1 if cursor.segment is None else max(cursor.after + 1, cursor.segment.last + 1)
                if cursor.segment is not None and cursor.offset < cursor.segment.length:
                    gap = (cursor.after + 1, cursor.segment.last)
                segment = next((one for one in self._segments if one.last >= wanted or one is self._segments[-1]), None)
                if segment.first > wanted:
                    gap = (gap[0] if gap else wanted, segment.first - 1)
                cursor.segment, cursor.offset = segment, 0
                cursor.after = max(cursor.after, segment.first - 1)
                if wanted > segment.first:
                    self._skip(cursor, wanted)
            segment = cursor.segment
            if cursor.offset < segment.length:
                data = os.pread(segment.fd, min(size, segment.length - cursor.offset), cursor.offset)
                if not data:  # a cell has cut the file short: what was in it is gone
                    gap = (cursor.after + 1, segment.last)
                    cursor.offset = segment.length
                cursor.offset += len(data)
                if cursor.offset >= segment.length:
                    cursor.after = segment.last
                return data, self._lost(gap)
            follower = self._follower(segment)
            if follower is None:
                return b"", self._lost(gap)
            cursor.segment, cursor.offset = follower, 0

    def _lost(self, gap):
        """A gap with the bytes that went with it, by whole segments."""
        return gap and (*gap, sum(length for last, length in self._trimmed if gap[0] <= last <= gap[1]))

    def _follower(self, segment):
        index = self._segments.index(segment)
        return self._segments[index + 1] if index + 1 < len(self._segments) else None

    def _skip(self, cursor, wanted):
        """Moves the cursor to the first line of ``wanted`` or later. Each line says its own seq: a cell may have overwritten others."""
        segment = cursor.segment
        cursor.offset, cursor.after = segment.length, wanted - 1
        offset, line_starts = 0, True
        while offset < segment.length:
            data = os.pread(segment.fd, _SKIP_BYTES, offset)
            if not data:
                return
            start = 0
            while start < len(data):
                if line_starts:
                    if start and len(data) - start < _SEQ_BYTES and offset + len(data) < segment.length:
                        break  # the line's beginning is in the next piece too
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
        data = b'{"seq":%d,%s\n' % (seq, line[1:])
        segment = self._segments[-1]
        if segment.length + len(data) > SEGMENT_BYTES and segment.length:
            segment = self._start_segment()
        if not self._put(segment, data):
            self._make_room()
            self._trim(len(data))
            if not self._put(segment, data) and not self._spill(msg_type, data):
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
        """The file system is full and stays full: what must not be lost goes into the supervisor's own memory."""
        if self._spilled + len(data) > SPILL_BYTES and msg_type not in ESSENTIAL:
            return False
        segment = self._segments[-1]
        if segment.path is not None:
            segment = self._add(os.memfd_create("events", os.MFD_CLOEXEC), None)
        self._spilled += len(data)
        return self._put(segment, data)

    def _start_segment(self):
        path = os.path.join(self._folder, "%d.jsonl" % (self.last + 1))
        try:
            os.makedirs(self._folder, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError:
            return self._add(os.memfd_create("events", os.MFD_CLOEXEC), None)
        return self._add(fd, path)

    def _add(self, fd, path):
        segment = Segment(fd, path, self.last + 1)
        self._segments.append(segment)
        return segment

    def _trim(self, room=0):
        """Drops the oldest finished segments while the log is over its budget, or to give ``room`` bytes."""
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
                    pass  # a cell removed it before us
            os.close(segment.fd)
            segment.fd = -1

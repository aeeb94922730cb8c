"""The comm messages of a sandbox's log. They have a budget of their own, so no progress bar pushes the output of cells
out of the log.

Comm messages are numbered together with all other events and delivered in their places among them. They are kept in
memory and not in the log's files, because only the latest value of each key of a widget's state is kept, and a file
could not forget the others. Half of the budget is for state (``comm_open``, updates, ``comm_close``), which is kept per
comm. The other half is for all other messages; the oldest of them are dropped first.

The cost of adding a message depends on the length of the message, never on the size of its comm's state.
"""

from bisect import bisect_right
from collections import OrderedDict, deque

from . import wire

#: A comm's updates are folded once this many bytes of them are not folded.
_FOLD_BYTES = 64 * 1024
#: Approximate bytes that an entry costs in addition to its text.
_ENTRY_BYTES = 512
#: Number of lost entries that can still be reported, and of comms whose state is refused.
_MAX_REMEMBERED = 4096
#: The budget is at least this many bytes, however small the log is: everything that a cell sends at once must reach a
#: host that reads, and nobody waits for the host.
_MIN_BUDGET_BYTES = 8 * 1024 * 1024


class Entry:
    """A comm message in the log.

    Args:
        last: the last of its numbers; a message of several lines has several.
        serial, offset: the log's segment and the byte in it before which the message stands.
        lines: its lines, without numbers.
        update: the :class:`Update` of a message that can be folded. Once it is folded, only this is kept.
    """

    __slots__ = ("_data", "last", "offset", "serial", "update")

    def __init__(self, last, serial, offset, lines, update=None):
        self.last = last
        self.offset = offset
        self.serial = serial
        self.update = update
        self._data = self._numbered(lines)

    @property
    def size(self) -> int:
        """Approximate bytes of memory."""
        return _ENTRY_BYTES + len(self._data or b"") + (self.update.size if self.update else 0)

    @property
    def data(self) -> bytes:
        """The numbered lines. A message that became shorter has the last of the numbers that it had."""
        return self._data if self._data is not None else self._numbered(self.update.lines("f%d" % self.last))

    def pack(self) -> None:
        """Keeps only the update. Its keys may be dropped from then on."""
        self._data = None

    def unpack(self) -> None:
        """Keeps the lines instead of the update, as for any other message."""
        self._data, self.update = self.data, None

    def clear(self) -> None:
        """Forgets the content."""
        self._data, self.update = b"", None

    def _numbered(self, lines):
        first = self.last - len(lines) + 1
        return b"".join(wire.numbered(first + index, line) for index, line in enumerate(lines))


class _Comm:
    """The kept state of one comm: the entries that are no updates, the entry with each key's latest value, and the
    updates that are not folded yet.
    """

    __slots__ = ("fixed", "latest", "size", "unfolded", "unfolded_bytes")

    def __init__(self):
        self.fixed = []
        self.latest = {}
        self.unfolded = []
        self.unfolded_bytes = 0
        self.size = 0

    def entries(self):
        """Returns all entries, each once, in order."""
        return sorted({*self.fixed, *self.latest.values(), *self.unfolded}, key=_last)

    def fold(self):
        """Drops each key of an older update that a newer update has set. Returns the entries that have no key left."""
        empty = []
        for entry in self.unfolded:
            self.size -= entry.size
            entry.pack()
            self.size += entry.size
            for key in entry.update.keys:
                older = self.latest.get(key)
                if older is not None:
                    before = older.size
                    older.update.drop(key)
                    self.size += older.size - before
                    if not older.update.keys:
                        self.size -= older.size
                        empty.append(older)
                self.latest[key] = entry
        self.unfolded, self.unfolded_bytes = [], 0
        return empty


def _last(entry):
    return entry.last


class CommLog:
    """Entries in the order of their numbers. The newest entry is never dropped.

    Args:
        budget: bytes that all comm messages together may have; fewer than 8 MiB count as 8 MiB.
    """

    def __init__(self, budget):
        #: Bytes that all state may have, and also the state of a single comm. All other messages together may have as
        #: many.
        self.half = max(budget, _MIN_BUDGET_BYTES) // 2
        self._entries = []
        self._lasts = []  # the number of each of _entries, for bisection
        self._gone = set()  # numbers of dropped entries that are still in _entries
        self._open = OrderedDict()  # key → _Comm; the one without a message for longest comes first
        self._closed = OrderedDict()
        self._state_bytes = 0
        self._messages = deque()
        self._message_bytes = 0
        self._refused = OrderedDict()  # keys of comms whose state exceeds the budget
        self._lost = deque(maxlen=_MAX_REMEMBERED)  # (last, bytes)
        self._lost_upto = 0

    def add(self, entry, event: dict) -> bool:
        """Keeps a message.

        Args:
            entry: the :class:`Entry`.
            event: the event that it was made from.

        Returns True if the state of its comm has just become too large and is not kept any more.
        """
        self._entries.append(entry)
        self._lasts.append(entry.last)
        kind = event["msg_type"]
        key = (event["kernel"], event["gen"], event["content"].get("comm_id"))
        if kind == "comm_open":
            self._refused.pop(key, None)
            for comms in (self._open, self._closed):
                self._forget(comms.pop(key, None))  # the id is used again
        is_state = kind in ("comm_open", "comm_close") or entry.update is not None
        if not is_state or key in self._refused:
            self._add_message(entry)
            return False
        comm = self._add_state(key, entry)
        if comm.size > self.half:
            self._refuse(key, comm, entry)
            return True
        if kind == "comm_close":
            self._forget(self._closed.pop(key, None))
            self._closed[key] = self._open.pop(key)
        if self._state_bytes > self.half:
            self._make_room(key)
        return False

    def after(self, seq: int):
        """Returns the oldest entry with a number above ``seq``, or None."""
        index = bisect_right(self._lasts, seq)
        while index < len(self._entries) and self._lasts[index] in self._gone:
            index += 1
        return self._entries[index] if index < len(self._entries) else None

    def lost(self, seq: int) -> "tuple[int, int, int] | None":
        """Returns ``(last, messages, bytes)`` of the entries after ``seq`` that were lost, not folded, or None if none
        was lost.
        """
        if seq >= self._lost_upto:
            return None
        sizes = [size for last, size in self._lost if last > seq]
        return self._lost_upto, len(sizes), sum(sizes)

    # ------------------------------------------------------------------------------------------------ state

    def _add_state(self, key, entry):
        comm = self._open.setdefault(key, _Comm())
        self._open.move_to_end(key)
        comm.size += entry.size
        self._state_bytes += entry.size
        if entry.update is None:
            comm.fixed.append(entry)
        else:
            comm.unfolded.append(entry)
            comm.unfolded_bytes += entry.size
            if comm.unfolded_bytes > _FOLD_BYTES:
                self._fold(comm)
        return comm

    def _fold(self, comm):
        before = comm.size
        for entry in comm.fold():
            self._drop(entry)
        self._state_bytes += comm.size - before

    def _make_room(self, newest):
        """Folds all comms, then drops whole comms: closed ones first, then the ones without a message for longest."""
        for comm in [*self._closed.values(), *self._open.values()]:
            self._fold(comm)
        for comms in (self._closed, self._open):
            for key in list(comms):
                # leaves some room, so that this is not needed again at once
                if self._state_bytes <= self.half * 7 // 8:
                    return
                if key != newest:
                    self._lose_comm(comms.pop(key))

    def _refuse(self, key, comm, newest):
        """Stops keeping the state of a comm that alone exceeds the budget. Its newest message still reaches readers, as
        a message that is no state.
        """
        self._refused[key] = True
        if len(self._refused) > _MAX_REMEMBERED:
            self._refused.popitem(last=False)
        del self._open[key]
        self._lose_comm(comm, but=newest)
        self._add_message(newest)

    def _lose_comm(self, comm, but=None):
        self._state_bytes -= comm.size
        for entry in comm.entries():
            if entry is not but:
                self._lose(entry)

    def _forget(self, comm):
        if comm is not None:
            self._state_bytes -= comm.size
            for entry in comm.entries():
                self._drop(entry)

    # ------------------------------------------------------------------------------------------------ entries

    def _add_message(self, entry):
        if entry.update is not None:
            entry.unpack()
        self._messages.append(entry)
        self._message_bytes += entry.size
        while self._message_bytes > self.half and len(self._messages) > 1:
            oldest = self._messages.popleft()
            self._message_bytes -= oldest.size
            self._lose(oldest)

    def _lose(self, entry):
        """Drops an entry that a reader may miss."""
        self._lost.append((entry.last, entry.size))
        self._lost_upto = max(self._lost_upto, entry.last)
        self._drop(entry)

    def _drop(self, entry):
        entry.clear()
        self._gone.add(entry.last)
        if len(self._gone) > 1000 and 2 * len(self._gone) > len(self._entries):
            self._entries = [one for one in self._entries if one.last not in self._gone]
            self._lasts = [one.last for one in self._entries]
            self._gone.clear()

"""The comm messages of a sandbox's log, which have a budget of their own: no progress bar pushes what cells printed out of the log.

They are numbered with all other events and delivered in their places among them, but kept here, in memory, and not in the
log's files: of a widget's state only the latest value of each key is kept, which a file could not forget. Half of the budget
is for state (``comm_open``, updates, ``comm_close``), by comm; half for all other messages, of which the oldest go first.
"""

import json
from bisect import bisect_right
from collections import OrderedDict, deque

from . import commfold, wire

#: An update is sought to be folded once its comm has this many bytes of them, and as many as are left of the last time.
_FOLD_BYTES = 64 * 1024
#: What an entry and a comm cost beside their text, about.
_ENTRY_BYTES = 512
#: Entries whose loss can still be told.
_REMEMBERED = 4096
#: However small the log is: what a cell sends at once must reach a host that reads, and nobody waits for it.
_LEAST_BUDGET = 8 * 1024 * 1024


class Entry:
    """A message's lines, with the numbers ``first``..``last``, which stand before the byte ``offset`` of the log's segment ``serial``."""

    __slots__ = ("data", "first", "last", "offset", "serial")

    def __init__(self, first, last, serial, offset, data):
        self.first = first
        self.last = last
        self.serial = serial
        self.offset = offset
        self.data = data

    @property
    def size(self):
        return len(self.data) + _ENTRY_BYTES

    def event(self):
        """The message, read from its lines again."""
        lines = [json.loads(line) for line in self.data.split(b"\n")[:-1]]
        event = lines[0]
        if event["msg_type"] == "chunk":
            event = dict(event, **json.loads("".join(line["content"]["data"] for line in lines)))
        del event["seq"]
        return event


class _Comm:
    """What is kept of one comm's state. ``fixed``: entries that are no update; ``folded``, ``unfolded``: bytes of those that are."""

    __slots__ = ("fixed", "folded", "unfolded", "updates")

    def __init__(self):
        self.fixed = []
        self.updates = []
        self.folded = 0
        self.unfolded = 0

    def entries(self):
        return self.fixed + self.updates

    @property
    def size(self):
        return sum(entry.size for entry in self.fixed) + self.folded + self.unfolded


class CommLog:
    """Entries in the order of their numbers. The newest is never dropped."""

    def __init__(self, budget):
        self._half = max(budget, _LEAST_BUDGET) // 2
        self._entries = []
        self._lasts = []  # of _entries, for bisection
        self._gone = set()  # of _entries, by last
        self._open = OrderedDict()  # key → _Comm, the least recently heard first
        self._closed = OrderedDict()
        self._state_bytes = 0
        self._messages = deque()
        self._message_bytes = 0
        self._lost = deque(maxlen=_REMEMBERED)  # (last, bytes)
        self._lost_upto = 0

    def add(self, entry, event):
        self._entries.append(entry)
        self._lasts.append(entry.last)
        kind = event["msg_type"]
        key = (event["kernel"], event["gen"], event["content"].get("comm_id"))
        if kind == "comm_open":
            for comms in (self._open, self._closed):
                self._forget(comms.pop(key, None))  # its id is given anew
            self._keep(key, entry)
        elif kind == "comm_close":
            self._keep(key, entry)
            self._forget(self._closed.pop(key, None))
            self._closed[key] = self._open.pop(key)
        elif commfold.is_foldable(event):
            self._update(key, entry)
        else:
            self._messages.append(entry)
            self._message_bytes += entry.size
            while self._message_bytes > self._half and len(self._messages) > 1:
                oldest = self._messages.popleft()
                self._message_bytes -= oldest.size
                self._lose(oldest)
                self._drop(oldest)
        if self._state_bytes > self._half:
            self._make_room()

    def after(self, seq):
        """The oldest entry with a number above ``seq``, or None."""
        index = bisect_right(self._lasts, seq)
        while index < len(self._entries) and self._lasts[index] in self._gone:
            index += 1
        return self._entries[index] if index < len(self._entries) else None

    def lost(self, seq):
        """``(last, messages, bytes)`` of what was dropped, not folded, after ``seq``; None if nothing was."""
        if seq >= self._lost_upto:
            return None
        sizes = [size for last, size in self._lost if last > seq]
        return self._lost_upto, len(sizes), sum(sizes)

    # ------------------------------------------------------------------------------------------------ state

    def _keep(self, key, entry):
        comm = self._open.setdefault(key, _Comm())
        self._open.move_to_end(key)
        comm.fixed.append(entry)
        self._state_bytes += entry.size

    def _update(self, key, entry):
        comm = self._open.setdefault(key, _Comm())
        self._open.move_to_end(key)
        comm.updates.append(entry)
        comm.unfolded += entry.size
        self._state_bytes += entry.size
        if comm.unfolded > max(_FOLD_BYTES, comm.folded):
            self._fold(comm)

    def _make_room(self):
        """Folds what can be folded, then drops whole comms: closed ones first, then those not heard of for longest."""
        for comm in [*self._closed.values(), *self._open.values()]:
            self._fold(comm)
        for comms in (self._closed, self._open):
            for key, comm in list(comms.items()):
                if self._state_bytes <= self._half * 7 // 8:  # not again at once
                    return
                entries = comm.entries()
                if any(entry is self._entries[-1] for entry in entries):
                    continue
                del comms[key]
                for entry in entries:
                    self._lose(entry)
                self._forget(comm)

    def _fold(self, comm):
        """Of each key only the latest value, where it was said; what fits moves to the update behind it, so that few are left."""
        if not comm.unfolded or len(comm.updates) < 2:
            return
        self._state_bytes -= comm.folded + comm.unfolded
        seen, kept, behind = set(), [], None
        for entry in reversed(comm.updates):
            event = entry.event()
            keys = commfold.keys_of(event)
            if keys <= seen:
                self._drop(entry)
                continue
            if keys & seen:
                event = commfold.without(event, seen)
                self._rewrite(entry, event)
            seen |= keys
            together = behind and commfold.merged(event, behind)
            if together and len(entry.data) + len(kept[-1].data) <= wire.CHUNK_BYTES and self._rewrite(kept[-1], together):
                self._drop(entry)
                behind = together
            else:
                kept.append(entry)
                behind = event
        comm.updates = kept[::-1]
        comm.folded, comm.unfolded = sum(entry.size for entry in kept), 0
        self._state_bytes += comm.folded

    @staticmethod
    def _rewrite(entry, event):
        """Other text under the same numbers. False: it needs more of them than there are."""
        lines = wire.lines(event, "f%d" % entry.last)
        spare = entry.last - entry.first + 1 - len(lines)
        if spare < 0:
            return False
        entry.first += spare
        entry.data = b"".join(wire.numbered(entry.first + index, line) for index, line in enumerate(lines))
        return True

    def _forget(self, comm):
        if comm is not None:
            self._state_bytes -= comm.size
            for entry in comm.entries():
                self._drop(entry)

    # ------------------------------------------------------------------------------------------------ entries

    def _lose(self, entry):
        self._lost.append((entry.last, entry.size))
        self._lost_upto = max(self._lost_upto, entry.last)

    def _drop(self, entry):
        entry.data = b""
        self._gone.add(entry.last)
        if len(self._gone) > 1000 and 2 * len(self._gone) > len(self._entries):
            self._entries = [one for one in self._entries if one.last not in self._gone]
            self._lasts = [one.last for one in self._entries]
            self._gone.clear()

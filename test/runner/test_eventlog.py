"""The log by itself: whatever is written and dropped, a reader gets increasing numbers, and the state of every comm."""

import json
import random
import sys
import time

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))

from sandboxed_ipython import commlog, eventlog, wire


def event(kind, content, buffers=()):
    return {
        "kernel": "main",
        "gen": 1,
        "t": 1.0,
        "channel": "iopub",
        "msg_type": kind,
        "parent_header": {"msg_id": "m"},
        "content": content,
        "metadata": {},
        "buffers": list(buffers),
    }


def note(kind, content, seq):
    return wire.dumps(dict(event(kind, content), seq=seq)) + b"\n"


class Reader:
    """A host: the lines that it has read, whole messages, and what it makes of them."""

    def __init__(self, log, after=0, state=None):
        self.cursor = eventlog.Cursor(after)
        self.log = log
        self.rest = b""
        self.seen = after
        self.main = []
        self.gaps = []
        self.comm_gaps = 0
        self.state = {comm: dict(values) for comm, values in (state or {}).items()}
        self._pieces = []

    def read(self, size=1 << 18):
        data = self.log.read(self.cursor, size)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line:  # the beginning of a message whose rest is lost in a gap
                self._take(line)
        return len(data)

    def read_all(self):
        while self.read():
            pass
        assert not self.rest
        return self

    def _take(self, line):
        try:
            one = json.loads(line)
        except ValueError:
            return
        kind, content = one["msg_type"], one["content"]
        if kind == "gap":
            assert content["to"] >= self.seen  # equal if only the end of the line was missing
            self.seen = content["to"]
            self.gaps.append((content["from"], content["to"]))
        elif kind == "comm_gap":
            self.comm_gaps += 1
        else:
            assert one["seq"] > self.seen
            self.seen = one["seq"]
            if kind == "chunk":
                self._pieces = [] if content["i"] == 0 else self._pieces
                assert content["i"] == len(self._pieces)
                self._pieces.append(content["data"])
                if not content["last"]:
                    return
                one = dict(one, **json.loads("".join(self._pieces)))
            self._apply(one)

    def _apply(self, one):
        content = one["content"]
        if one["msg_type"] == "stream":
            self.main.append(one["seq"])
        elif one["msg_type"] == "comm_open":
            self.state[content["comm_id"]] = dict(content["data"]["state"])
        elif one["msg_type"] == "comm_msg" and "state" in content["data"] and content["comm_id"] in self.state:
            state = self.state[content["comm_id"]]
            state.update(content["data"]["state"])
            state.update((path[0], buffer) for path, buffer in zip(content["data"]["buffer_paths"], one["buffers"]))


def message(chance, comm):
    kind = chance.random()
    if kind < 0.1:
        return event(
            "comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": "c" * chance.choice((10, 10_000))}}
        )
    size = chance.choice((3, 30, 3_000, 100_000) if chance.random() < 0.1 else (3, 30))
    state = {
        chance.choice("abcdefgh"): str(chance.random()) + "x" * chance.randrange(size)
        for _ in range(chance.randrange(1, 4))
    }
    paths, buffers = [], []
    if chance.random() < 0.3:
        paths, buffers = (
            [[key] for key in chance.sample("ijk", 2)],
            [str(chance.random()) + "A" * chance.randrange(size) for _ in (1, 2)],
        )
    return event(
        "comm_msg",
        {
            "comm_id": comm,
            "data": {"method": chance.choice(("update", "echo_update")), "state": state, "buffer_paths": paths},
        },
        buffers,
    )


@pytest.mark.parametrize("seed", range(12))
def test_every_reader_gets_increasing_numbers_all_kept_events_and_the_state_of_every_comm(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(eventlog, "SEGMENT_BYTES", 20_000)
    monkeypatch.setattr(eventlog, "CELL_SEGMENT_BYTES", 2_000)
    monkeypatch.setattr(commlog, "_FOLD_BYTES", 4_000)
    chance = random.Random(seed)
    log = eventlog.EventLog(str(tmp_path), 100_000, note)
    comms = ["c%d" % i for i in range(5)]
    for comm in comms:
        log.append_comm(event("comm_open", {"comm_id": comm, "data": {"state": {"a": "0", "z": comm}}}))
    live, readers = Reader(log), []
    written = []
    for step in range(3_000):
        roll = chance.random()
        if roll < 0.4:
            written.append(
                log.append(event("stream", {"name": "stdout", "text": "t" * chance.choice((1, 100, 2_000))}))
            )
        elif roll < 0.9:
            log.append_comm(message(chance, chance.choice(comms)))
        elif roll < 0.92:
            log.new_segment()
        if step % 300 == 7:
            live.read_all()
            readers.append(
                (live.seen, Reader(log, live.seen, live.state))
            )  # like a window that comes back and already has some events
        if chance.random() < 0.2:
            live.read_all()
        if readers and chance.random() < 0.2:
            chance.choice(readers)[1].read(chance.choice((50, 5_000)))
    live.read_all()
    assert live.main == written and not live.gaps and not live.comm_gaps
    late = Reader(log).read_all()
    assert late.state == live.state
    left = [seq for seq in written if seq >= log.first]
    assert late.main == left and late.gaps == [(1, log.first - 1)] and not late.comm_gaps
    for after, reader in readers:
        reader.read_all()
        assert reader.state == live.state, after
        missed = {seq for first, last in reader.gaps for seq in range(first, last + 1)}
        assert set(reader.main) | missed >= {seq for seq in written if seq > after}
    assert late.seen == live.seen == log.last


def test_a_message_of_many_pieces_keeps_its_place_and_its_bytes(tmp_path):
    log = eventlog.EventLog(str(tmp_path), 100_000, note)
    log.append_comm(event("comm_open", {"comm_id": "c", "data": {"state": {}}}))
    big = 'ü\\"' * 100_000
    log.append(event("stream", {"name": "stdout", "text": "before"}))
    log.append_comm(
        event(
            "comm_msg",
            {"comm_id": "c", "data": {"method": "update", "state": {"big": big, "small": 1}, "buffer_paths": []}},
        )
    )
    log.append(event("stream", {"name": "stdout", "text": "after"}))
    for i in range(1_000):
        log.append_comm(
            event("comm_msg", {"comm_id": "c", "data": {"method": "update", "state": {"small": i}, "buffer_paths": []}})
        )
    reader = Reader(log).read_all()
    assert reader.state == {"c": {"big": big, "small": 999}} and len(reader.main) == 2


def update(comm, **state):
    return event("comm_msg", {"comm_id": comm, "data": {"method": "update", "state": state, "buffer_paths": []}})


def test_the_cost_of_a_small_update_does_not_depend_on_the_state_of_its_comm(tmp_path):
    log = eventlog.EventLog(str(tmp_path), 64 << 20, note)
    log.append_comm(event("comm_open", {"comm_id": "c", "data": {"state": {}}}))
    live = Reader(log)
    for key in "abc":
        log.append_comm(update("c", **{key: "x" * 10_000_000}))
    live.read_all()
    begun = time.monotonic()
    for i in range(20_000):
        log.append_comm(update("c", d=i))
        live.read()
    assert time.monotonic() - begun < 30, "about 1 s, where it took minutes"
    live.read_all()
    assert Reader(log).read_all().state == live.state
    assert live.state["c"]["d"] == 19_999 and not live.comm_gaps


def test_state_over_the_budget_is_refused_once_and_later_messages_reach_readers(tmp_path):
    log = eventlog.EventLog(str(tmp_path), 8 << 20, note)
    for comm in ("big", "small"):
        log.append_comm(event("comm_open", {"comm_id": comm, "data": {"state": {"z": comm}}}))
    log.append_comm(update("small", a=1))
    live = Reader(log).read_all()
    refused = []
    for i in range(40):
        refused.append(log.append_comm(update("big", **{"k%d" % i: "x" * 500_000})))
        live.read_all()
    assert sum(refused) == 1 and 5 < refused.index(True) < 9
    assert len(live.state["big"]) == 41 and not live.comm_gaps
    late = Reader(log).read_all()
    assert late.comm_gaps == 1 and late.state == {"small": {"z": "small", "a": 1}}
    log.append_comm(event("comm_open", {"comm_id": "big", "data": {"state": {"z": "anew"}}}))
    log.append_comm(update("big", a=2))
    assert Reader(log).read_all().state["big"] == {"z": "anew", "a": 2}

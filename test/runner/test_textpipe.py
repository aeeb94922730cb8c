"""How often a pipe with text is read."""

import os
import sys
import time

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))
from sandboxed_ipython.textpipe import READ_BYTES, TextPipe


@pytest.fixture
def pipe():
    class NoReactor:
        def unwatch(self, fd):
            pass

    reading, writing = os.pipe()
    pipe = TextPipe("stdout", reading)
    yield pipe
    pipe.close(NoReactor())
    os.close(writing)


def test_the_first_text_is_read_at_once_and_later_text_waits_longer_and_longer(pipe):
    assert pipe.seconds_to_wait() == 0.0
    pauses = []
    for _ in range(4):
        pipe.begin_pause(10, 0)
        pauses.append(pipe._pause)
        time.sleep(0.001)
    assert pauses == [0.004, 0.016, 0.05, 0.05]
    assert 0.0 < pipe.seconds_to_wait() <= 0.05
    time.sleep(0.06)
    assert pipe.seconds_to_wait() == 0.0
    pipe.begin_pause(10, 0)
    assert pipe._pause == 0.004


def test_a_pipe_is_read_before_it_is_full(pipe):
    pipe.begin_pause(10, 0)
    for taken in (20_000, 100_000):
        time.sleep(0.005)
        before = pipe._read_at
        pipe.begin_pause(taken, 0)
        rate = taken / (pipe._read_at - before)
        assert pipe._pause * rate <= pipe._capacity * 0.51
    pipe.begin_pause(pipe._capacity, 0)
    assert pipe.seconds_to_wait() == 0.0


def test_one_read_takes_only_what_fits_into_an_event():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    pipe = TextPipe("stdout", reading)
    written = os.write(writing, b"x" * 1_000_000)
    assert written == pipe.unread() == pipe._capacity
    assert len(pipe.read()) == READ_BYTES and pipe.unread() == written - READ_BYTES
    os.close(reading)
    os.close(writing)

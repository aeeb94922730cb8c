"""Hostile cells beside pings: whatever a cell does, the supervisor of its sandbox answers, and the next cell works.

A ping is sent every :data:`INTERVAL_SECONDS` over a separate stream that does not follow the log, so its answer waits
only for the supervisor. Two more things are measured: the pings of a second, idle sandbox, and how long a little work
of this process takes. If other programs keep the machine busy, answers may take longer. A cell that wants every
processor all the time gets less of a busy machine than programs that want one from time to time. For such a cell the
test measures which part of the processors its sandbox got.
"""

import os
import threading
import time
from contextlib import contextmanager

INTERVAL_SECONDS = 0.1
#: Processors that a sandbox of these tests may use.
CPUS = 2
#: Seconds that an answer may take on a machine that is idle otherwise.
LIMIT_SECONDS = 1.0
#: The same beside a cell that takes every processor. Answers took 0.1 to 0.6 s, without the supervisor's precedence 5
#: to 23 s. Other programs matter more here than where a processor is free.
LIMIT_WITHOUT_A_PROCESSOR_SECONDS = 2.0
#: Seconds of processor time that measure how busy the machine is, and seconds between two measurements.
_WORK_SECONDS, _PAUSE_SECONDS = 0.01, 0.2
#: Seconds after which a supervisor that has not answered counts as hung.
HUNG_SECONDS = 30.0


class LatePing(AssertionError):
    """A ping was answered too late. Other programs on the machine can cause that, so the test runs again, once."""


class _Pinger:
    """Pings one sandbox from a thread until it is stopped."""

    def __init__(self, sandbox):
        self._stream = sandbox.attach(writer=False, follow=False)
        self._stream.send("ping", {}, "control")
        self._stream.wait(lambda event: event["msg_type"] == "pong")  # the start of the stream is not measured
        self._lock = threading.Lock()
        self._sent = {}  # msg_id → the time at which it was sent
        self._took = []  # (when it was sent, when it was answered)
        self._ended = None  # the time at which the stream ended by itself
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._send, self._hear)]
        for thread in self._threads:
            thread.start()

    def stop(self, seconds):
        """Waits at most ``seconds`` for answers that are still missing, and stops."""
        self._stopping.set()
        self._threads[0].join()
        give_up = time.monotonic() + seconds
        while self._sent and self._ended is None and time.monotonic() < give_up:
            time.sleep(0.02)
        self._stream.close()

    def results(self):
        """Returns ``(sent, seconds)`` of each ping. ``seconds`` is infinite if no answer came."""
        with self._lock:
            answered = [(sent, heard - sent) for sent, heard in self._took]
            return answered + [(sent, float("inf")) for sent in self._sent.values()]

    def _send(self):
        while self._ended is None:
            msg_id = "ping-%d" % time.monotonic_ns()
            with self._lock:
                self._sent[msg_id] = time.monotonic()
            try:
                self._stream.send("ping", {}, "control", msg_id)
            except OSError:
                self._ended = time.monotonic()
            if self._stopping.wait(INTERVAL_SECONDS):
                return

    def _hear(self):
        while True:
            event = self._stream.events.get()
            now = time.monotonic()
            if event is None:
                self._ended = now
                return
            if event["msg_type"] == "pong":
                with self._lock:
                    sent = self._sent.pop(event["parent_header"]["msg_id"], None)
                    if sent is not None:
                        self._took.append((sent, now))


class _Busyness:
    """Measures how many times longer than its processor time some work takes, until it is stopped."""

    def __init__(self):
        self._worked = self._passed = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()

    def stop(self):
        """Returns the factor, which is 1 or more."""
        self._stopping.set()
        self._thread.join()
        return max(1.0, self._passed / self._worked)

    def _measure(self):
        while True:
            begun, used = time.monotonic(), time.thread_time()
            while time.thread_time() < used + _WORK_SECONDS:
                pass
            self._worked += time.thread_time() - used
            self._passed += time.monotonic() - begun
            if self._stopping.wait(_PAUSE_SECONDS):
                return


class Pinged:
    """A sandbox whose supervisor must answer whatever its cells do. ``quiet`` is another sandbox, which is idle."""

    def __init__(self, sandbox, quiet):
        self.sandbox = sandbox
        self._quiet = quiet

    def run(self, code, seconds=30.0, following=("6 * 7", "42"), wants_all_processors=False, **options):
        """Runs a hostile cell, and then the first item of ``following``, whose result must be the second item, both
        beside pings. Returns the hostile :class:`Cell`.
        """
        with self.pings(wants_all_processors):
            cell = self.sandbox.run(code, seconds, **options)
            self.check_next(*following)
        return cell

    def check_next(self, expression="6 * 7", result="42", seconds=30.0):
        """Checks that the next cell works."""
        cell = self.sandbox.run(expression, seconds)
        assert cell.result == result, cell.events

    @contextmanager
    def pings(self, wants_all_processors=False):
        """Pings the supervisor while the block runs. At its end every ping must have been answered in time."""
        pingers, busyness = (_Pinger(self.sandbox), _Pinger(self._quiet)), _Busyness()
        begun, used = time.monotonic(), self.sandbox.place.processor_seconds() if wants_all_processors else 0.0
        try:
            yield
        except BaseException:
            busyness.stop()
            for pinger in pingers:
                pinger.stop(0)
            raise
        for pinger in pingers:
            pinger.stop(HUNG_SECONDS)
        factor = busyness.stop()
        if wants_all_processors:
            wanted = (time.monotonic() - begun) * min(CPUS, os.cpu_count())
            factor = max(factor, wanted / (self.sandbox.place.processor_seconds() - used))
        check(
            *(pinger.results() for pinger in pingers),
            factor,
            LIMIT_WITHOUT_A_PROCESSOR_SECONDS if wants_all_processors else LIMIT_SECONDS,
        )


def check(results, quiet, busyness, limit=LIMIT_SECONDS):
    """Fails if a ping of ``results`` took too long, on a machine with this ``busyness``, compared with the pings of the
    ``quiet`` sandbox at that time.
    """
    assert results, "no ping was sent: the cell was over at once"
    for sent, seconds in results:
        machine = max(
            (one for at, one in quiet if at <= sent + seconds and at + one >= sent - INTERVAL_SECONDS), default=0.0
        )
        # If the quiet sandbox did not answer at all, that proves nothing about this one.
        assert machine < HUNG_SECONDS, "the quiet sandbox did not answer: the machine is too busy to tell"
        if seconds > limit * busyness + 2 * machine:
            raise LatePing(
                "a ping took %.1f s (%.1f s in a quiet sandbox; all work takes %.1f times as long as it should)"
                % (seconds, machine, busyness)
            )


def resident(sandbox):
    """Returns the bytes of memory that the supervisor uses."""
    return int(sandbox.place.sh("grep VmRSS /proc/%d/status" % sandbox.place.supervisor).split()[1]) * 1024

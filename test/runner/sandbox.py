"""A sandbox as the runner's tests see it: they send commands and get events, through a real relay."""

import base64
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "runner"
DEADLINE_SECONDS = 60.0


class Cell:
    """The result of one cell: its events in order, and the reply."""

    def __init__(self, msg_id, events):
        self.msg_id = msg_id
        self.events = events
        self.reply = events[-1]["content"]

    def contents(self, msg_type):
        return [event["content"] for event in self.events if event["msg_type"] == msg_type]

    def text(self, name="stdout"):
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == name)

    @property
    def result(self):
        results = self.contents("execute_result")
        return results[0]["data"]["text/plain"] if results else None

    @property
    def order(self):
        """Stream names with their text, and message types, with neighbors of the same stream joined: ``[("stdout",
        "a\\n"), ("display_data", …)]``.
        """
        parts = []
        for event in self.events:
            content = event["content"]
            if event["msg_type"] == "stream":
                if parts and parts[-1][0] == content["name"]:
                    parts[-1] = (content["name"], parts[-1][1] + content["text"])
                else:
                    parts.append((content["name"], content["text"]))
            elif event["msg_type"] in ("display_data", "execute_result"):
                parts.append((event["msg_type"], content["data"].get("text/plain", "")))
            elif event["msg_type"] == "error":
                parts.append(("error", content["ename"]))
        return parts


class Stream:
    """One exec stream: a relay process whose stdin and stdout the supervisor has taken over. Without ``follow`` it gets
    no events from the log.
    """

    def __init__(self, argv, host=None, after=0, boot="", writer=True, take_over=False, env=None, follow=True):
        self.host = host or uuid.uuid4().hex
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self.events = queue.Queue()
        self.log = []
        self._chunks = {}
        threading.Thread(target=self._read, daemon=True).start()
        if not follow:
            return
        self.send(
            "follow_request",
            {"after": after, "boot": boot, "writer": writer, "host": self.host, "take_over": take_over},
            "control",
        )
        self.hello = self.wait(lambda event: event["msg_type"] == "hello")["content"]

    def send(self, msg_type, content, channel, msg_id=None, metadata=None, buffers=()):
        msg_id = msg_id or uuid.uuid4().hex
        command = {
            "header": {"msg_id": msg_id, "msg_type": msg_type},
            "kernel": "main",
            "channel": channel,
            "content": content,
            "metadata": metadata or {},
            "buffers": [base64.b64encode(one).decode() for one in buffers],
        }
        text = json.dumps(command)
        if len(text) <= 128 * 1024:
            self.send_raw(text.encode() + b"\n")
            return msg_id
        starts = range(0, len(text), 65536)
        for index, at in enumerate(starts):
            content = {"id": msg_id, "i": index, "last": at == starts[-1], "data": text[at : at + 65536]}
            self.send_raw(
                json.dumps(
                    dict(command, header={"msg_id": msg_id, "msg_type": "chunk"}, content=content, buffers=[])
                ).encode()
                + b"\n"
            )
        return msg_id

    def send_raw(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, condition, seconds=DEADLINE_SECONDS):
        """Returns the next event that fulfills the condition. Fails the test after ``seconds``."""
        give_up = time.monotonic() + seconds
        while True:
            try:
                event = self.events.get(timeout=max(0.001, give_up - time.monotonic()))
            except queue.Empty:
                raise AssertionError("no such event within %g s; last: %r" % (seconds, self._last())) from None
            if event is None:
                raise AssertionError("the stream ended; last: %r" % self._last())
            if condition(event):
                return event

    def _last(self):
        return [(event["seq"], event["msg_type"], event["parent_header"]["msg_id"]) for event in self.log[-5:]]

    def close(self):
        self.process.kill()
        self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):  # a hostile cell has written this line
                continue
            if event["msg_type"] == "chunk":
                piece = event["content"]
                series = self._chunks.setdefault(piece["id"], [])
                series.append(piece["data"])
                if not piece["last"]:
                    continue
                event = dict(event, **json.loads("".join(self._chunks.pop(piece["id"]))))
            self.log.append(event)
            self.events.put(event)
        self.events.put(None)


class Sandbox:
    """Commands on one stream. :meth:`run` runs a whole cell."""

    def __init__(self, place):
        self.place = place
        self.stream = self.attach()

    def attach(self, **options):
        return self.place.attach(**options)

    def send(self, code, msg_id=None, metadata=None, **content):
        request = {
            "code": code,
            "silent": False,
            "store_history": True,
            "allow_stdin": True,
            "stop_on_error": True,
            "timeout": 0,
        }
        request.update(content)
        return self.stream.send("execute_request", request, "shell", msg_id, metadata)

    def finish(self, msg_id, seconds=DEADLINE_SECONDS):
        """Waits for the reply of a cell that was sent. Returns the :class:`Cell`."""

        def done(event):
            return event["msg_type"] == "execute_reply" and event["parent_header"]["msg_id"] == msg_id

        if not any(done(event) for event in list(self.stream.log)):
            self.stream.wait(done, seconds)
        return Cell(
            msg_id,
            [event for event in list(self.stream.log) if event["parent_header"]["msg_id"] == msg_id and event["seq"]][
                : self._upto(msg_id)
            ],
        )

    def _upto(self, msg_id):
        mine = [event for event in self.stream.log if event["parent_header"]["msg_id"] == msg_id and event["seq"]]
        return next(index for index, event in enumerate(mine) if event["msg_type"] == "execute_reply") + 1

    def run(self, code, seconds=DEADLINE_SECONDS, **options):
        return self.finish(self.send(code, **options), seconds)

    def started(self, msg_id, seconds=DEADLINE_SECONDS):
        """Waits until the cell runs."""
        self.stream.wait(
            lambda event: event["msg_type"] == "execute_input" and event["parent_header"]["msg_id"] == msg_id, seconds
        )

    def wait_text(self, text, seconds=DEADLINE_SECONDS):
        self.stream.wait(lambda event: event["msg_type"] == "stream" and text in event["content"]["text"], seconds)

    def comm(self, msg_type, comm_id, data=None, buffers=(), timeout=0, **content):
        """Sends a comm message. Returns its ``msg_id``."""
        content.update(comm_id=comm_id, data=data or {}, timeout=timeout)
        return self.stream.send(msg_type, content, "shell", buffers=buffers)

    def handled(self, msg_id, seconds=DEADLINE_SECONDS):
        """Waits until a comm message has been handled. Returns a :class:`Cell` whose ``reply`` is the last ``status``."""

        def done(event):
            return (
                event["msg_type"] == "status"
                and event["parent_header"]["msg_id"] == msg_id
                and event["content"]["execution_state"] == "idle"
            )

        if not any(done(event) for event in list(self.stream.log)):
            self.stream.wait(done, seconds)
        return Cell(
            msg_id,
            [event for event in list(self.stream.log) if event["parent_header"]["msg_id"] == msg_id and event["seq"]],
        )

    def interrupt(self, msg_id, **content):
        return self._control("interrupt_request", dict(content, msg_id=msg_id), "interrupt_reply")

    def reset(self, files="keep", history_size=1000):
        return self._control("reset_request", {"files": files, "history_size": history_size}, "reset_reply")

    def _control(self, msg_type, content, reply):
        request = self.stream.send(msg_type, content, "control")
        return self.stream.wait(
            lambda event: event["msg_type"] == reply and event["parent_header"]["msg_id"] == request
        )["content"]

    def answer(self, value, request=None):
        if request is None:
            request = self.stream.wait(lambda event: event["msg_type"] == "input_request")["content"]["request"]
        return self.stream.send("input_reply", {"value": value, "request": request}, "stdin")

    def drop(self, name, data):
        """Puts a complete file into the queue, as another process of the sandbox would."""
        path = "%s/commands" % self.place.queue
        self.place.sh(
            "cat > %s/.drop && mv %s/.drop '%s/%s'" % (path, path, path, name),
            data if isinstance(data, bytes) else json.dumps(data).encode(),
        )

    def result(self, msg_id, seconds=20.0):
        """Returns the content of the file in ``results/`` for a dropped command."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            text = self.place.sh("cat %s/results/*-%s.json 2>/dev/null" % (self.place.queue, msg_id), check=False)
            if text:
                return json.loads(text)
            time.sleep(0.1)
        raise AssertionError("no result for %s" % msg_id)

    def close(self):
        self.stream.close()
        self.place.close()


class LocalPlace:
    """The runner as plain processes of this machine. They are not isolated, but start quickly; used for the runner's
    own logic.
    """

    def __init__(self, python=sys.executable, **options):
        self.folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
        self.home = self.folder / "home"
        self.queue = self.home / ".interactive"
        self.queue.mkdir(parents=True)
        self.python = python
        self.socket = uuid.uuid4().hex
        words = [
            "--%s=%s" % (name.replace("_", "-"), value) if value is not True else "--" + name.replace("_", "-")
            for name, value in options.items()
        ]
        command = [
            python,
            "-I",
            str(RUNNER / "main.py"),
            "--home=%s" % self.home,
            "--queue=%s" % self.queue,
            "--socket=" + self.socket,
            *words,
        ]
        with open(self.folder / "stderr.log", "wb") as log:
            self.process = subprocess.Popen(command, stderr=log)
        self.supervisor = self.process.pid

    def attach(self, **options):
        return Stream(
            [self.python, "-I", str(RUNNER / "relay.py")],
            env=dict(os.environ, SANDBOXED_IPYTHON_SOCKET=self.socket),
            **options,
        )

    def sh(self, script, data=b"", check=True):
        """Runs a shell script in the sandbox's home. Returns its stdout."""
        done = subprocess.run(
            ["sh", "-c", script], input=data, stdout=subprocess.PIPE, cwd=self.home, timeout=60, check=check
        )
        return done.stdout.decode()

    def alive(self):
        return self.process.poll() is None

    def pause(self):
        """Stops the supervisor and everything that it has started, as an engine freezes a container."""
        self._signal_all(signal.SIGSTOP)

    def unpause(self):
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number):
        family = [self.process.pid]
        for pid in family:
            os.kill(pid, number)
            family += map(int, Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split())

    def stop(self):
        """Stops the supervisor as ``docker stop`` does."""
        self.process.send_signal(signal.SIGTERM)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

"""A real, hardened container, made by the extension's own engine room (``container-server.ts``)."""

import json
import os
import subprocess
import threading
from pathlib import Path

from sandbox import ROOT, Stream


class _Server:
    """One Node process for all containers of the run: requests and answers are JSON lines."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", str(ROOT / "out" / "test" / "runner" / "container-server.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lock = threading.Lock()

    def ask(self, **request):
        with self.lock:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the container server ended"}
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


_server = None


def server():
    global _server
    _server = _server or _Server()
    return _server


class ContainerPlace:
    home = Path("/sandbox")
    queue = Path("/sandbox/.interactive")

    def __init__(self, image, **options):
        answer = server().ask(do="create", image=image, options=options)
        self.id, self.python, self.user = answer["id"], answer["python"], answer["user"]

    def attach(self, **options):
        return Stream(["docker", "exec", "-i", self.id, self.python, "-I", "/opt/sandboxed-ipython/relay.py"], **options)

    def sh(self, script, data=b"", check=True):
        """A shell script from outside, as the sandbox's own user; its stdout."""
        done = subprocess.run(["docker", "exec", "-i", "-w", "/sandbox", self.id, "sh", "-c", script], input=data, stdout=subprocess.PIPE, timeout=60, check=check)
        return done.stdout.decode()

    def alive(self):
        done = subprocess.run(["docker", "inspect", "-f", "{{.State.Running}}", self.id], capture_output=True, text=True, timeout=30, env=dict(os.environ))
        return done.stdout.strip() == "true"

    def close(self):
        server().ask(do="remove", id=self.id)

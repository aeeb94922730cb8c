"""A real, hardened container, which the extension's own code for engines makes (``container-server.ts``)."""

import json
import subprocess
import threading
import time
from pathlib import Path

from sandbox import ROOT, Stream


class _Server:
    """One Node process for all containers of the run. Requests and answers are JSON lines."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", str(ROOT / "out" / "test" / "runner" / "container-server.js")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
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


def docker(*words, data=None, check=True):
    return (
        subprocess.run(
            ["docker", *words], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=check
        )
        .stdout.decode()
        .strip()
    )


class ContainerPlace:
    home = Path("/sandbox")
    queue = Path("/sandbox/.interactive")
    supervisor = 1

    def __init__(self, image, no_inotify=False, **options):
        self.python = json.loads(docker("inspect", "-f", "{{json .Config.Entrypoint}}", image))[0]
        self.eater = None
        if no_inotify:
            options["uid"] = 60123
            self.eater = _eat_inotify(image, self.python, options["uid"])
        self.id = server().ask(do="create", image=image, options=options)["id"]

    def attach(self, user="0:0", **options):
        return Stream(
            ["docker", "exec", "-i", "-u", user, self.id, self.python, "-I", "/opt/sandboxed-ipython/relay.py"],
            **options,
        )

    def sh(self, script, data=b"", check=True):
        """Runs a shell script from outside, as the sandbox's own user. Returns its stdout."""
        return docker("exec", "-i", "-w", "/sandbox", self.id, "sh", "-c", script, data=data, check=check)

    def processor_seconds(self):
        """Returns the seconds of processor time that everything in the container has used so far."""
        script = "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || grep usage_usec /sys/fs/cgroup/cpu.stat"
        words = self.sh(script).split()
        return int(words[0]) / 1e9 if len(words) == 1 else int(words[1]) / 1e6

    def alive(self):
        return docker("inspect", "-f", "{{.State.Running}}", self.id, check=False) == "true"

    def pause(self):
        docker("pause", self.id)

    def unpause(self):
        docker("unpause", self.id)

    def stop(self):
        docker("stop", self.id)

    def close(self):
        server().ask(do="remove", id=self.id)
        if self.eater:
            docker("rm", "-f", self.eater)


def _eat_inotify(image, python, uid):
    """Starts a container that holds every inotify instance that ``uid`` may have, so that a sandbox with that uid gets
    none.
    """
    script = "import ctypes, time\nlibc = ctypes.CDLL(None)\nn = 0\nwhile libc.inotify_init1(0) >= 0: n += 1\nprint('eaten', n, flush=True)\ntime.sleep(600)"
    name = docker(
        "run", "-d", "--network", "none", "--user", "%d:%d" % (uid, uid), "--entrypoint", python, image, "-c", script
    )
    give_up = time.monotonic() + 20
    while "eaten" not in docker("logs", name):
        if time.monotonic() > give_up:
            raise RuntimeError("inotify instances could not be used up")
        time.sleep(0.1)
    return name

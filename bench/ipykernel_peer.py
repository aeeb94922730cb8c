"""ipykernel through jupyter_client's blocking client, timed here so that no pipe to Node counts.

One JSON object a line: in ``{"op": "start" | "execute" | "stop", "code": …}``, out ``{"ms": …, "lines": …}``.
A cell's time ends when both its reply and its last output are here, as a session's reply comes after all output.
"""

import json
import subprocess
import sys
import time

from jupyter_client.manager import KernelManager

DEADLINE = 120


class Peer:
    def __init__(self):
        self.manager = None
        self.client = None

    def start(self):
        """Milliseconds from the start of the kernel's process to the reply of its first cell."""
        self.stop()
        begun = time.perf_counter()
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(stderr=subprocess.DEVNULL)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=DEADLINE)
        self.execute("pass")
        return {"ms": (time.perf_counter() - begun) * 1000}

    def execute(self, code):
        lines = 0
        begun = time.perf_counter()
        msg_id = self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=DEADLINE)
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            if message["msg_type"] == "stream":
                lines += message["content"]["text"].count("\n")
            elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        while self.client.get_shell_msg(timeout=DEADLINE)["parent_header"].get("msg_id") != msg_id:
            pass
        return {"ms": (time.perf_counter() - begun) * 1000, "lines": lines}

    def stop(self):
        if self.client:
            self.client.stop_channels()
            self.client = None
        if self.manager:
            self.manager.shutdown_kernel(now=True)
            self.manager = None
        return {"ms": 0}

    def versions(self):
        import ipykernel
        import IPython
        import jupyter_client

        return {
            "ms": 0,
            "versions": "Python %d.%d.%d" % sys.version_info[:3]
            + ", IPython %s, ipykernel %s, jupyter_client %s"
            % (IPython.__version__, ipykernel.__version__, jupyter_client.__version__),
        }


def main():
    peer = Peer()
    try:
        for line in sys.stdin:
            request = json.loads(line)
            operation = getattr(peer, request.pop("op"))
            print(json.dumps(operation(**request)), flush=True)
    finally:
        peer.stop()


if __name__ == "__main__":
    main()

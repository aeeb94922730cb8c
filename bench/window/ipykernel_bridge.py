"""Carries messages between the benchmark's extension and ipykernels, without reading them.

In: one JSON object a line, ``{"op": "execute", "kernel": …, "request": …, "code": …}`` or ``{"op": "stop", "kernel": …}``.
Out: messages of Jupyter's protocol as JSON, each behind its length in four bytes.
"""

import json
import os
import struct
import subprocess
import sys

import zmq
from jupyter_client.manager import KernelManager

#: Milliseconds in which a kernel that has answered on one channel must answer on the other.
OTHER_CHANNEL_MS = 20
START_MS = 60_000
READ_BYTES = 1 << 20


class Kernel:
    def __init__(self):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = self.manager.blocking_client()
        self.client.start_channels(stdin=False, hb=False)
        self.sockets = [self.client.iopub_channel.socket, self.client.shell_channel.socket]
        self._wait_until_ready()

    def _wait_until_ready(self):
        """Returns as soon as both channels carry messages; `wait_for_ready` would wait for 0.2 s of silence."""
        iopub, shell = self.sockets
        while True:
            self.client.kernel_info()
            if not shell.poll(START_MS):
                raise TimeoutError("ipykernel did not start")
            shell.recv_multipart()
            if iopub.poll(OTHER_CHANNEL_MS):
                return

    def execute(self, request, code):
        session = self.client.session
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = session.msg("execute_request", content)
        message["header"]["msg_id"] = message["msg_id"] = request
        session.send(self.sockets[1], message)

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


class Bridge:
    def __init__(self):
        self.kernels = {}
        self.poller = zmq.Poller()
        self.poller.register(0, zmq.POLLIN)
        self.rest = b""

    def run(self):
        while True:
            ready = dict(self.poller.poll())
            if 0 in ready and not self.read():
                break
            for kernel in list(self.kernels.values()):
                for socket in kernel.sockets:
                    if socket in ready:
                        self.forward(socket.recv_multipart())
        for name in list(self.kernels):
            self.stop(name)

    def read(self):
        """False: there is nothing more to do."""
        data = os.read(0, READ_BYTES)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["op"] == "execute":
                self.kernel(message["kernel"]).execute(message["request"], message["code"])
            else:
                self.stop(message["kernel"])
        return bool(data)

    def kernel(self, name):
        if name not in self.kernels:
            kernel = self.kernels[name] = Kernel()
            for socket in kernel.sockets:
                self.poller.register(socket, zmq.POLLIN)
        return self.kernels[name]

    def stop(self, name):
        kernel = self.kernels.pop(name, None)
        if kernel is not None:
            for socket in kernel.sockets:
                self.poller.unregister(socket)
            kernel.stop()

    def forward(self, frames):
        header, parent, _, content = frames[frames.index(b"<IDS|MSG>") + 2 :][:4]
        self.write(b'{"header":' + header + b',"parent_header":' + parent + b',"content":' + content + b"}")

    def write(self, message):
        sys.stdout.buffer.write(struct.pack(">I", len(message)) + message)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    Bridge().run()

"""One kernel process as the supervisor sees it."""

import os
import socket
import sys
import time

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))

from sandboxed_ipython.process import KernelProcess
from sandboxed_ipython.reactor import Reactor


def say_text(pair, stdout):
    while True:
        os.write(stdout, b"y\n" * 1000)


def say_packets(pair, stdout):
    with socket.socket(fileno=pair.detach()) as ours:
        while True:
            ours.send(b'{"msg_type":"display_data"}')


@pytest.mark.parametrize("say, most", [(say_text, 100), (say_packets, 2000)])
def test_output_of_children_of_a_dead_kernel_is_not_waited_for(say, most):
    heard = 0

    def hear(*_):
        nonlocal heard
        heard += 1
        assert heard < most, "more than a pipe or the pair holds"
        time.sleep(0.02 if say is say_text else 0.0005)  # by then there is more output

    def child(pair, _stdin, stdout, _stderr):
        os.setsid()
        say(pair, stdout)

    process = KernelProcess(Reactor(), child, hear, hear, lambda process: None)
    try:
        give_up = time.monotonic() + 20
        while not heard and time.monotonic() < give_up:
            time.sleep(0.1)
            process.drain()
        assert heard
    finally:
        process.kill()
        os.waitpid(process.pid, 0)
        process.close()

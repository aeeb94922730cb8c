"""The other end of a host's exec stream: passes its own stdin and stdout to the supervisor and sleeps.

No data goes through this process, so it may die at any time and costs nothing while it lives. In a container it runs as
root without any capability. So cells, which have another user, can neither kill nor trace it, and the supervisor
accepts streams from no other process.
"""

import os
import socket
import sys
import time

#: The address is abstract, so there is no file that a cell could delete. It belongs to the sandbox's network namespace.
ADDRESS = "\0" + os.environ.get("SANDBOXED_IPYTHON_SOCKET", "sandboxed-ipython")
DEADLINE_SECONDS = 25.0


def main():
    """Passes the streams on, and waits until the supervisor closes them. Returns the exit status."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(ADDRESS)
            break
        except OSError as error:
            connection.close()
            if time.monotonic() > give_up:
                sys.stderr.write("the supervisor does not answer: %s\n" % error)
                return 1
            time.sleep(0.005)
    socket.send_fds(connection, [b"host"], [0, 1])
    # This process closes its own copies, so that the host sees the end of the stream as soon as the supervisor closes
    # it.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    connection.recv(1)  # the supervisor closes its end when it is done with the stream
    return 0


if __name__ == "__main__":
    sys.exit(main())

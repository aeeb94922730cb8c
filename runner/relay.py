"""The other end of a host's exec stream: hands its own stdin and stdout to the supervisor and sleeps.

No data goes through this process, so it may die at any time and costs nothing while it lives. In a container it runs as root
without any capability: cells, which are another user's, can neither end nor trace it, and the supervisor takes streams from
nobody else.
"""

import os
import socket
import sys
import time

#: Abstract (no file that a cell could delete), so it belongs to the sandbox's network namespace.
ADDRESS = "\0" + os.environ.get("SANDBOXED_IPYTHON_SOCKET", "sandboxed-ipython")
DEADLINE = 25.0


def main():
    give_up = time.monotonic() + DEADLINE
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
    # Holding nothing of the stream here lets the host see its end as soon as the supervisor drops it.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    connection.recv(1)  # the supervisor closes its end when it is done with the stream
    return 0


if __name__ == "__main__":
    sys.exit(main())

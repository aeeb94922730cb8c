"""The processor time that the cells of a kernel have used."""

import os

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def seconds_of_session(leader: int) -> float:
    """Returns the seconds of processor time that the processes of a session have used, including their children that
    have ended and were reaped.

    Args:
        leader: pid of the session's leader.
    """
    ticks = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                if int(fields[3]) == leader:
                    ticks += sum(map(int, fields[11:15]))
            except (OSError, ValueError, IndexError):
                pass  # the process has ended
    return ticks / _TICKS_PER_SECOND

"""The processes of the sandbox as ``/proc`` shows them."""

import os
import signal
from dataclasses import dataclass

#: More of them than this no process of the engine has.
_MAX_ANCESTORS = 32


@dataclass(frozen=True)
class Process:
    """One line of the table. ``parent`` is 0 for a process that the engine put in; ``threads`` counts those that have not been reaped."""

    pid: int
    parent: int
    state: str
    threads: int

    @property
    def has_ended(self):
        """Whether nothing of it runs any more. (Its threads may outlive its first one, which then is a zombie alone.)"""
        return self.state in "ZX" and self.threads <= 1


def process_of(pid):
    """The process, or None if there is none of that pid."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            # The name, in parentheses, may hold anything.
            fields = file.read().rpartition(b")")[2].split()
        return Process(pid, int(fields[1]), fields[0].decode("ascii"), int(fields[17]))
    except (OSError, ValueError, IndexError):
        return None


def is_ending(pid):
    """Whether a process has been killed, or gives its memory back already. On a busy machine that can take longer than a second."""
    try:
        with open("/proc/%d/status" % pid, "rb") as file:
            fields = dict(line.split(b":", 1) for line in file if b":" in line)
    except OSError:
        return True  # nothing is left of it
    pending = int(fields.get(b"SigPnd", b"0"), 16) | int(fields.get(b"ShdPnd", b"0"), 16)
    return b"VmSize" not in fields or bool(pending >> (signal.SIGKILL - 1) & 1)


def processes_of_the_sandbox():
    """Every process that is visible here."""
    found = [process_of(int(name)) for name in os.listdir("/proc") if name.isdigit()]
    return [process for process in found if process is not None]


def processes_of_cells(keep):
    """Those that run and are neither this one, nor ``keep`` (pids) and their descendants, nor put in by the engine.

    As pid 1 all of a container is ours. Elsewhere (a test on the host) the descendants of this process are.
    """
    me = os.getpid()
    table = {process.pid: process for process in processes_of_the_sandbox()}
    found = []
    for process in table.values():
        if process.pid == me or process.has_ended:
            continue
        line = [process.pid]  # and its ancestors, as far as they are known
        while line[-1] in table and line[-1] not in (1, me) and len(line) <= len(table):
            line.append(table[line[-1]].parent)
        if not keep.intersection(line) and (line[-1] != 0 if me == 1 else me in line[1:]):
            found.append(process)
    return found


def is_of_cells(pid):
    """Whether a process descends from this one, as far as its line can be followed; one of the engine does not."""
    for _ in range(_MAX_ANCESTORS):
        process = process_of(pid)
        if process is None or process.parent == 0:
            return False
        if process.parent == os.getpid():
            return True
        pid = process.parent
    return True

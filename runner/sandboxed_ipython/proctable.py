"""The processes of the sandbox, as ``/proc`` shows them."""

import os
import signal
from dataclasses import dataclass

#: No process of the engine has more ancestors than this.
_MAX_ANCESTORS = 32


@dataclass(frozen=True)
class Process:
    """One process. ``parent`` is 0 for a process that the engine put into the container; ``threads`` counts the threads
    that have not been reaped.
    """

    pid: int
    parent: int
    state: str
    threads: int

    @property
    def has_ended(self) -> bool:
        """Whether no thread of the process runs any more. (Threads may outlive the first thread, which is then a
        zombie.)
        """
        return self.state in "ZX" and self.threads <= 1


def process_of(pid: int) -> "Process | None":
    """Returns the process, or None if no process has that pid."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            # The process's name, in parentheses, may hold any characters.
            fields = file.read().rpartition(b")")[2].split()
        return Process(pid, int(fields[1]), fields[0].decode("ascii"), int(fields[17]))
    except (OSError, ValueError, IndexError):
        return None


def is_ending(pid: int) -> bool:
    """Returns whether a process has been killed, or is already giving its memory back. On a busy machine that can take
    longer than a second.
    """
    try:
        with open("/proc/%d/status" % pid, "rb") as file:
            fields = dict(line.split(b":", 1) for line in file if b":" in line)
    except OSError:
        return True  # the process is gone
    pending = int(fields.get(b"SigPnd", b"0"), 16) | int(fields.get(b"ShdPnd", b"0"), 16)
    return b"VmSize" not in fields or bool(pending >> (signal.SIGKILL - 1) & 1)


def processes_of_the_sandbox() -> list[Process]:
    """Returns every visible process."""
    found = [process_of(int(name)) for name in os.listdir("/proc") if name.isdigit()]
    return [process for process in found if process is not None]


def processes_of_cells(keep: set[int]) -> list[Process]:
    """Returns the running processes that are neither this one, nor in ``keep`` (pids), nor descendants of ``keep``, nor
    put into the container by the engine.

    For process 1 that is the whole container. Elsewhere (in a test on the host) only descendants of this process are
    returned.
    """
    me = os.getpid()
    table = {process.pid: process for process in processes_of_the_sandbox()}
    found = []
    for process in table.values():
        if process.pid == me or process.has_ended:
            continue
        line = [process.pid]  # the process and its ancestors, as far as they are known
        while line[-1] in table and line[-1] not in (1, me) and len(line) <= len(table):
            line.append(table[line[-1]].parent)
        if not keep.intersection(line) and (line[-1] != 0 if me == 1 else me in line[1:]):
            found.append(process)
    return found


def is_of_cells(pid: int) -> bool:
    """Returns whether a process descends from this one, as far as its ancestors can be followed. A process of the
    engine does not.
    """
    for _ in range(_MAX_ANCESTORS):
        process = process_of(pid)
        if process is None or process.parent == 0:
            return False
        if process.parent == os.getpid():
            return True
        pid = process.parent
    return True

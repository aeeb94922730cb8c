"""Shared memory, queues and semaphores of System V: they belong to no process, so they stay when the last one has ended.

Their memory counts against the sandbox's limit, and nothing but their removal gives it back. (POSIX has the same as files, in
``/dev/shm`` and ``/dev/mqueue``.)
"""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)

_IPC_RMID = 0
#: Name of the table in ``/proc/sysvipc`` → (the column with an object's id, what removes it).
_KINDS = {
    "shm": ("shmid", lambda number: _libc.shmctl(number, _IPC_RMID, None)),
    "msg": ("msqid", lambda number: _libc.msgctl(number, _IPC_RMID, None)),
    "sem": ("semid", lambda number: _libc.semctl(number, 0, _IPC_RMID, None)),
}


def removal():
    """Removes the objects that our user has now in this IPC namespace, which is the sandbox's own: an iterator, one a step."""
    found = [(remove, number) for table, (column, remove) in _KINDS.items() for number in _ids(table, column)]
    return (remove(number) for remove, number in found)


def _ids(table, column):
    try:
        with open("/proc/sysvipc/" + table, encoding="ascii") as file:
            names = file.readline().split()
            rows = [dict(zip(names, line.split())) for line in file]
        return [int(row[column]) for row in rows if row["uid"] == str(os.getuid())]
    except (OSError, ValueError, KeyError):
        return []  # a system without them

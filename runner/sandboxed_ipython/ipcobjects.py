"""Shared memory, message queues and semaphores of System V. They belong to no process, so they remain when the last
process has ended.

Their memory counts against the sandbox's limit until they are removed. (The POSIX counterparts are files in
``/dev/shm`` and ``/dev/mqueue``.)
"""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)

_IPC_RMID = 0
#: Name of the table in ``/proc/sysvipc`` → (the column with an object's id, the function that removes the object).
_KINDS = {
    "shm": ("shmid", lambda number: _libc.shmctl(number, _IPC_RMID, None)),
    "msg": ("msqid", lambda number: _libc.msgctl(number, _IPC_RMID, None)),
    "sem": ("semid", lambda number: _libc.semctl(number, 0, _IPC_RMID, None)),
}


def removal():
    """Returns an iterator of which each step removes one object that this user has now in the sandbox's own IPC
    namespace.
    """
    found = [(remove, number) for table, (column, remove) in _KINDS.items() for number in _ids(table, column)]
    return (remove(number) for remove, number in found)


def _ids(table, column):
    try:
        with open("/proc/sysvipc/" + table, encoding="ascii") as file:
            names = file.readline().split()
            rows = [dict(zip(names, line.split())) for line in file]
        return [int(row[column]) for row in rows if row["uid"] == str(os.getuid())]
    except (OSError, ValueError, KeyError):
        return []  # a system without such objects

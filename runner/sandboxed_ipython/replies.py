"""Replies that the supervisor makes or completes, and the causes of death in them (see ``src/protocol/README.md``)."""

import os
import signal

from . import cgroup
from .watch import fullest

#: The largest count that a host accepts. A larger count would keep every host out forever.
MAX_COUNT = 2**53 - 1
#: Characters of a path that are passed on.
_MAX_PATH_CHARS = 1000


def error_reply(count: "int | None", failure: dict) -> dict:
    """Returns the content of an ``execute_reply`` for a cell that something else than its own code has ended.

    Args:
        count: the execution count, or None.
        failure: ``{"code", "params"}``, as in ``src/protocol/README.md``.
    """
    return {
        "status": "error",
        "execution_count": count,
        "ename": failure["code"],
        "evalue": "",
        "traceback": [],
        "payload": [],
        "user_expressions": {},
        "failure": failure,
    }


def aborted_reply(count: "int | None", reason: str) -> dict:
    """Returns the content of an ``execute_reply`` for a cell that never ran, or that a reset ended."""
    return dict(error_reply(count, {"code": "Aborted", "params": {"reason": reason}}), status="aborted")


def checked_reply(content: dict) -> dict:
    """Returns a kernel's reply in which every field is present and has its type. Missing fields are empty."""

    def field(name, kind, default):
        value = content.get(name)
        return value if isinstance(value, kind) and not isinstance(value, bool) else default

    count = field("execution_count", int, None)
    return {
        "status": content.get("status") if content.get("status") in ("ok", "error", "aborted") else "error",
        "execution_count": count if count is not None and 0 <= count <= MAX_COUNT else None,
        "ename": field("ename", str, ""),
        "evalue": field("evalue", str, ""),
        "traceback": [line for line in field("traceback", list, []) if isinstance(line, str)],
        "payload": [one for one in field("payload", list, []) if isinstance(one, dict)],
        "user_expressions": field("user_expressions", dict, {}),
        "exiting": content.get("exiting") is True,
        "no_room": content.get("no_room") is True,
        "no_network": content.get("no_network") is True,
        "missing": field("missing", str, "")[:_MAX_PATH_CHARS],
    }


def cause_of_death(status: int, out_of_memory: bool, cell, memory_limit: int) -> dict:
    """Returns why a kernel has ended, as a ``failure`` for the cell that ran.

    Args:
        status: the status of ``waitpid``.
        out_of_memory: whether the memory limit has just killed something.
        cell: the cell that ran, or None.
        memory_limit: the memory limit in bytes.
    """
    reason = cell.killed_for if cell else ""
    if reason == "timeout":
        return {"code": "TimedOut", "params": {"timeout": cell.content["timeout"], "killed": True}}
    if reason == "interrupt":
        return {"code": "Interrupted", "params": {"killed": True}}
    if not os.WIFSIGNALED(status):
        return {"code": "KernelDied", "params": {"signal": "", "exitcode": os.WEXITSTATUS(status)}}
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL and out_of_memory:
        return {"code": "OutOfMemory", "params": {"limit": memory_limit, "tmpfs": cgroup.tmpfs_bytes()}}
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "signal %d" % number
    params = {"signal": name, "exitcode": 128 + number}
    if number == signal.SIGBUS:  # the signal if a mapped file or shared memory finds no room
        params["path"], params["limit"] = fullest()
    return {"code": "KernelDied", "params": params}

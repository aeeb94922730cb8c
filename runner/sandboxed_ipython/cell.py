"""One execute_request on its way through the supervisor."""


class Cell:
    """``reply`` is made by exactly one of: the kernel, its death, an abort."""

    __slots__ = (
        "msg_id", "content", "metadata", "number", "run_id", "presses", "elapsed", "interrupted_at", "killed_for", "prompt", "written", "dropped",
    )

    def __init__(self, command, number):
        self.msg_id = command["header"]["msg_id"]
        self.content = command["content"]
        self.metadata = command["metadata"]
        #: Names the file in ``results/``.
        self.number = number
        run_id = self.metadata.get("runId")
        self.run_id = run_id if isinstance(run_id, str) else ""
        self.presses = 0
        #: Seconds of awake time, without the time in which a prompt was open.
        self.elapsed = 0.0
        #: ``elapsed`` at which the time limit interrupted; None before.
        self.interrupted_at = None
        #: ``timeout``, ``interrupt`` or ``reset``, once we have killed its kernel.
        self.killed_for = ""
        #: Id of the open input_request, or "".
        self.prompt = ""
        #: Bytes of output since the last clear_output, and of what was dropped.
        self.written = 0
        self.dropped = 0

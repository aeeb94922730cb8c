"""One execute_request on its way through the supervisor."""

from . import wire

#: Requests of one cell that may be open at once: each thread and each process of it may have one.
_MAX_PROMPTS = 64
#: How the ids of requests begin that processes of a cell have made, not its kernel.
CHILD_REQUESTS = "child-"


class Cell:
    """``reply`` is made by exactly one of: the kernel, its death, an abort."""

    __slots__ = (
        "content",
        "elapsed",
        "from_folder",
        "interrupted_at",
        "killed_for",
        "knows_interrupt",
        "metadata",
        "msg_id",
        "number",
        "presses",
        "prompts",
        "run_id",
        "short_metadata",
        "size",
        "spared",
        "started",
    )

    is_comm = False

    def __init__(self, command, number, size, from_folder=False):
        self.msg_id = command["header"]["msg_id"]
        #: Bytes of its command.
        self.size = size
        #: Something of the sandbox has dropped it into the queue's folder: no window shows it.
        self.from_folder = from_folder
        self.content = command["content"]
        self.metadata = command["metadata"]
        #: As it goes into the log.
        self.short_metadata = wire.short_metadata(self.metadata)
        #: Names the file in ``results/``.
        self.number = number
        run_id = self.metadata.get("runId")
        self.run_id = run_id if isinstance(run_id, str) and len(run_id) <= 128 else ""
        self.presses = 0
        #: The kernel has said that it runs this cell. Before, a SIGINT could hit what it did last.
        self.started = False
        #: It was interrupted before it began, and the kernel has seen that.
        self.knows_interrupt = False
        #: A kernel has died before it began, and it goes to the next one.
        self.spared = False
        #: Seconds of awake time, without the time in which it asked.
        self.elapsed = 0.0
        #: ``elapsed`` at which the time limit interrupted; None before.
        self.interrupted_at = None
        #: ``timeout``, ``interrupt`` or ``reset``, once we have killed its kernel.
        self.killed_for = ""
        #: Ids of the open requests for input and installs, the latest last.
        self.prompts = []

    @property
    def asks(self):
        """Whether a request of its own is open. One of a process that it has started is none: such a process could ask without end."""
        return any(not request.startswith(CHILD_REQUESTS) for request in self.prompts)

    @property
    def is_untouched(self):
        """Whether another kernel may have it in place of the one that it was sent to, and none has had it so."""
        return not (self.started or self.spared or self.presses or self.killed_for or self.interrupted_at is not None)

    def takes_answer(self, kind, request):
        """Whether it waits for this answer, which ends the wait unless more of the kind come."""
        if request not in self.prompts:
            return False
        if kind != "install_output":
            self.prompts.remove(request)
        return True

    def opens(self, request):
        """Something of it asks; what asked long before and was not answered is forgotten."""
        if request not in self.prompts:
            self.prompts.append(request)
        del self.prompts[:-_MAX_PROMPTS]

    def message(self):
        """What the kernel gets."""
        return {
            "msg_type": "execute_request",
            "parent_header": {"msg_id": self.msg_id},
            "content": self.content,
            "metadata": self.metadata,
        }

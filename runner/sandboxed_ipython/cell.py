"""One execute_request on its way through the supervisor."""

from . import wire

#: Number of requests of one cell that may be open at once. Each thread and each process of the cell may have one.
_MAX_PROMPTS = 64
#: Prefix of the request ids of processes that a cell has started. Requests of the kernel itself have other ids.
CHILD_REQUEST_PREFIX = "child-"


class Cell:
    """One ``execute_request`` until it has a reply. Exactly one of these makes the reply: the kernel, the kernel's
    death, or an abort.

    Args:
        command: the command, as :func:`wire.parse_command` returns it.
        number: the number in the name of the file in ``results/``.
        size: bytes of the command's line.
        from_folder: True if a process of the sandbox dropped the command into the queue's folder.
    """

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
        #: Bytes of the command.
        self.size = size
        #: True if a process of the sandbox dropped the command into the queue's folder. No window shows such a cell.
        self.from_folder = from_folder
        self.content = command["content"]
        self.metadata = command["metadata"]
        #: The metadata as they go into the log.
        self.short_metadata = wire.short_metadata(self.metadata)
        #: The number in the name of the file in ``results/``.
        self.number = number
        run_id = self.metadata.get("runId")
        self.run_id = run_id if isinstance(run_id, str) and len(run_id) <= 128 else ""
        self.presses = 0
        #: True once the kernel has reported that it runs this cell. Before that, a SIGINT could hit the work before
        #: this cell.
        self.started = False
        #: True once the kernel has reported that it knows of an interrupt that came before the cell began.
        self.knows_interrupt = False
        #: True once a kernel has died before the cell began in it. The cell then goes to the next kernel.
        self.spared = False
        #: Seconds that the cell ran while the sandbox was awake, without the time in which the cell waited for an
        #: answer.
        self.elapsed = 0.0
        #: The value of ``elapsed`` at which the time limit interrupted the cell; None before.
        self.interrupted_at = None
        #: ``timeout``, ``interrupt`` or ``reset``, once the supervisor has killed the cell's kernel; "" before.
        self.killed_for = ""
        #: Ids of the open requests for input and installs; the latest is last.
        self.prompts = []

    @property
    def asks(self) -> bool:
        """Whether the cell itself has an open request. Requests of processes that the cell has started do not count:
        such a process could ask without end.
        """
        return any(not request.startswith(CHILD_REQUEST_PREFIX) for request in self.prompts)

    @property
    def is_untouched(self) -> bool:
        """Whether another kernel may run the cell in place of the kernel that it was sent to. That may happen once."""
        return not (self.started or self.spared or self.presses or self.killed_for or self.interrupted_at is not None)

    def takes_answer(self, kind: str, request: str) -> bool:
        """Returns whether the cell waits for this answer, and closes the request unless more answers of the kind
        ``kind`` follow.
        """
        if request not in self.prompts:
            return False
        if kind != "install_output":
            self.prompts.remove(request)
        return True

    def opens(self, request: str) -> None:
        """Notes an open request of the cell. The oldest requests that were never answered are forgotten."""
        if request not in self.prompts:
            self.prompts.append(request)
        del self.prompts[:-_MAX_PROMPTS]

    def message(self) -> dict:
        """Returns the message for the kernel."""
        return {
            "msg_type": "execute_request",
            "parent_header": {"msg_id": self.msg_id},
            "content": self.content,
            "metadata": self.metadata,
        }

"""Sends an interrupt to the running cell, and only to that cell, once per press."""

#: Seconds that a sent cell may take to start. Then whatever holds it up (a task of an earlier cell) is interrupted.
_START_SECONDS = 0.02
#: Seconds after a SIGINT at which the process is nudged. Python handles a signal when it next runs code. If the signal
#: came right before a system call, or in another thread, Python only handles it when that call ends.
_NUDGE_SECONDS = (0.02, 0.1, 0.5)


class InterruptSender:
    """Interrupts cells.

    Args:
        reactor: the supervisor's reactor.
        process_of: ``process_of(cell)`` returns the cell's process while the cell runs, and None after that.
    """

    def __init__(self, reactor, process_of):
        self._reactor = reactor
        self._process_of = process_of

    def interrupt(self, cell) -> None:
        """Interrupts ``cell``.

        A cell that has not started gets a message about the interrupt, which it reads when it starts. Until then the
        kernel lets a SIGINT hit only a task that holds the cell up.
        """
        if cell.started:
            self._signal(cell)
        else:
            self._process_of(cell).send({"msg_type": "interrupt_request", "parent_header": {"msg_id": cell.msg_id}})
            self._reactor.after(_START_SECONDS, lambda: cell.started or self._signal(cell))

    def on_cell_started(self, cell) -> None:
        """Must be called when ``cell`` has started. From then on a SIGINT hits only this cell. If it was interrupted
        before and the message may have come too late, it gets the SIGINT now.
        """
        if (cell.presses or cell.interrupted_at is not None) and not cell.knows_interrupt:
            self._signal(cell)

    def _signal(self, cell):
        process = self._process_of(cell)
        if process is not None:
            process.interrupt()
            for seconds in _NUDGE_SECONDS:
                self._reactor.after(seconds, lambda: self._nudge(cell))

    def _nudge(self, cell):
        process = self._process_of(cell)
        if process is not None:
            process.nudge()

"""How an interrupt reaches the cell that runs, and no other, once a press."""

#: Seconds that a cell may take to begin before what holds it up, a task of an earlier one, is interrupted.
_PATIENCE = 0.02
#: Seconds after a SIGINT. Python acts on one when it runs code next: where it came right before a system call, or to another
#: thread, that is when the call ends.
_NUDGES = (0.02, 0.1, 0.5)


class Interrupts:
    """``process_of(cell)`` is the cell's process while it runs, then None."""

    def __init__(self, reactor, process_of):
        self._reactor = reactor
        self._process_of = process_of

    def interrupt(self, cell):
        """One that has not begun is told of it, and looks when it does; until then the kernel lets a SIGINT hit only a task that
        holds the cell up."""
        if cell.started:
            self._signal(cell)
        else:
            self._process_of(cell).send({"msg_type": "interrupt_request", "parent_header": {"msg_id": cell.msg_id}})
            self._reactor.after(_PATIENCE, lambda: cell.started or self._signal(cell))

    def begun(self, cell):
        """From now on a SIGINT hits nothing else. A word of an interrupt may have come too late for it to see."""
        if (cell.presses or cell.interrupted_at is not None) and not cell.knows_interrupt:
            self._signal(cell)

    def _signal(self, cell):
        process = self._process_of(cell)
        if process is not None:
            process.interrupt()
            for seconds in _NUDGES:
                self._reactor.after(seconds, lambda: self._nudge(cell))

    def _nudge(self, cell):
        process = self._process_of(cell)
        if process is not None:
            process.nudge()

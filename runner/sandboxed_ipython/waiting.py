"""The cells and comm messages that wait for a kernel, in order, and the runs that have ended."""

from collections import OrderedDict, deque

from . import wire

#: Number of ended runs that are remembered.
_MAX_REMEMBERED_RUNS = 1000
#: Number of cells and comm messages that may wait, and their bytes. A cell can drop commands without end, and each
#: costs memory here.
_MAX_WAITING = 10_000
_MAX_WAITING_BYTES = 64 * 1024 * 1024
#: Bytes of all open cells in one hello, which is one line.
_MAX_OPEN_BYTES = 256 * 1024


class Waiting:
    """A queue of cells and comm messages."""

    def __init__(self):
        self._queue = deque()
        self._bytes = 0
        self._ended_runs = OrderedDict()  # run_id → the reason why its cells do not run any more
        #: (cell, reply) of each cell that does not wait any more and whose reply is still to be logged.
        self.leaving = deque()

    def __len__(self):
        return len(self._queue)

    def takes(self, size: int) -> bool:
        """Returns whether a command of ``size`` bytes may join the queue."""
        return len(self._queue) < _MAX_WAITING and self._bytes + size <= _MAX_WAITING_BYTES

    def add(self, cell) -> None:
        """Appends a cell."""
        self._queue.append(cell)
        self._bytes += cell.size

    def put_back(self, cell) -> None:
        """Puts a cell back to the front that was taken and did not begin."""
        self._queue.appendleft(cell)
        self._bytes += cell.size

    def next(self):
        """Removes and returns the first cell."""
        cell = self._queue.popleft()
        self._bytes -= cell.size
        return cell

    def take(self, msg_id):
        """Removes and returns the cell ``msg_id``, or returns None if it does not wait."""
        cell = next((one for one in self._queue if one.msg_id == msg_id), None)
        if cell is not None:
            self._queue.remove(cell)
            self._bytes -= cell.size
        return cell

    def take_all(self) -> list:
        """Removes and returns all cells."""
        cells = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        return cells

    def end_reason_of(self, run_id: str) -> "str | None":
        """Returns why the cells of a run do not run any more, or None if they run."""
        return self._ended_runs.get(run_id)

    def end_run(self, run_id: str, reason: str) -> list:
        """Ends a run: none of its cells runs any more. Removes and returns those that wait."""
        if not run_id:
            return []
        self._ended_runs[run_id] = reason
        if len(self._ended_runs) > _MAX_REMEMBERED_RUNS:
            self._ended_runs.popitem(last=False)
        cells = [one for one in self._queue if one.run_id == run_id]
        if cells:
            self._queue = deque(one for one in self._queue if one.run_id != run_id)
            self._bytes -= sum(one.size for one in cells)
        return cells

    def forget_runs(self) -> None:
        """Forgets which runs have ended."""
        self._ended_runs.clear()

    def open_cells(self, running) -> list[dict]:
        """Returns the cells without a reply for a hello, the running one first, as far as a hello has room. A host that
        attaches later must find them in its notebook.
        """
        cells, size = [], 0
        for cell in ([running] if running else []) + [one for one, _ in self.leaving] + list(self._queue):
            if cell.is_comm:
                continue
            entry = {"msg_id": cell.msg_id, "metadata": cell.short_metadata}
            size += len(wire.dumps(entry))
            if size > _MAX_OPEN_BYTES:
                break
            cells.append(entry)
        return cells

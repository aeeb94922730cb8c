"""``sys.stdout`` and ``sys.stderr`` of a kernel: each write is in the pipe when it returns, so nothing is lost in a crash."""

import contextvars
import io

from .. import wire

#: The msg_id of the cell that a task was created by; unset in threads, whose text belongs to the cell that runs.
current_cell = contextvars.ContextVar("current_cell", default="")
#: In its place, for code that runs for no cell: what it prints and shows is nobody's.
NO_CELL = "-"


class CellStream(io.TextIOBase):
    """A text stream to the cell. ``kernel`` gives ``channel`` and ``running`` (the running cell's msg_id)."""

    def __init__(self, kernel, name, number):
        self._kernel = kernel
        self._number = number
        self._stream = name
        self.name = "<%s>" % name
        self.buffer = io.BufferedWriter(_Raw(self), 1)

    encoding = "UTF-8"
    errors = "replace"
    newlines = None
    line_buffering = True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text))
        if text:
            self.write_bytes(wire.utf8(text))
        return len(text)

    def write_bytes(self, data):
        kernel = self._kernel
        cell = current_cell.get()
        if cell == NO_CELL:
            return
        if cell and cell != kernel.running:
            # A task of an earlier cell: its text goes where the task was made, not where the pipe's text goes now.
            text = bytes(data).decode("utf-8", "replace")
            kernel.channel.send("stream", {"name": self._stream, "text": text}, cell)
        else:
            kernel.channel.write(self._stream, data)

    def flush(self):
        pass  # nothing is held back

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return self._number

    def close(self):
        pass  # a cell that closes sys.stdout keeps it, as under ipykernel

    @property
    def closed(self):
        return False

    def reconfigure(self, **options):
        """Accepted and ignored: encoding and buffering are fixed."""


class _Raw(io.RawIOBase):
    """``sys.stdout.buffer.raw``: bytes, unbuffered."""

    def __init__(self, stream):
        self._stream = stream

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        self._stream.write_bytes(data)
        return len(data)

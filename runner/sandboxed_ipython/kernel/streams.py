"""``sys.stdout`` and ``sys.stderr`` of a kernel: each write is in the pipe when it returns, so nothing is lost in a crash."""

import contextvars
import io

from .. import wire

#: The msg_id of the cell that a task was created by; unset in threads, whose text belongs to the cell that runs.
current_cell = contextvars.ContextVar("current_cell", default="")
#: In its place, for code that runs for no cell: what it prints and shows is nobody's.
NO_CELL = "-"


class _Descriptor(int):
    """The number of a stream's descriptor. As a number it is like any other; of two streams' it is not the same, though both write to one
    place: wurlitzer asks by that whether ``sys.stdout`` is Python's original, and does nothing but raise if it is."""

    def __new__(cls, number, stream):
        self = super().__new__(cls, number)
        self._stream = stream
        return self

    def __eq__(self, other):
        if isinstance(other, _Descriptor) and other._stream is not self._stream:
            return False
        return int.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = int.__hash__

    def __reduce__(self):
        """Copied, and in another process, it is a number."""
        return int, (int(self),)


class CellStream(io.TextIOBase):
    """A text stream to the cell. ``kernel`` gives ``channel`` and ``running`` (the running cell's msg_id)."""

    def __init__(self, kernel, name, number):
        self._kernel = kernel
        self._number = _Descriptor(number, self)
        self._stream = name
        self.name = "<%s>" % name
        self.buffer = _Bytes(self)

    encoding = "UTF-8"
    errors = "replace"
    newlines = None
    line_buffering = True

    def write(self, text):
        """Writes the whole text, together in one place also where other threads write; its length in characters."""
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text))
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = wire.utf8(text)
        if data:
            cell = current_cell.get()
            if not cell or cell == self._kernel.running:
                self._kernel.channel.write(self._stream, data)
            else:
                self._write_elsewhere(cell, data)
        return len(text)

    def write_bytes(self, data):
        """Writes ``data`` (bytes), which is UTF-8 or is shown as if it were."""
        cell = current_cell.get()
        if not cell or cell == self._kernel.running:
            self._kernel.channel.write(self._stream, data)
        else:
            self._write_elsewhere(cell, data)

    def _write_elsewhere(self, cell, data):
        """Text of a task that an earlier cell made: it goes where the task was made, not where the pipe's text goes now."""
        if cell != NO_CELL:
            self._kernel.channel.send("stream", {"name": self._stream, "text": data.decode("utf-8", "replace")}, cell)

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


def can_be_written(stream):
    """Whether ``stream`` (any object of a cell's) says that text can be written to it. Nothing is written; its code may run."""
    try:
        return callable(stream.write) and not getattr(stream, "closed", False)
    except Exception:
        return False


# click, and what is built on it, prints colours to a stream of which it is no terminal only if its class is ipykernel's.
CellStream.__module__, CellStream.__qualname__, CellStream.__name__ = "ipykernel.iostream", "OutStream", "OutStream"


class _Bytes(io.BufferedIOBase):
    """``sys.stdout.buffer``, which holds nothing back: a byte that waited for the next would be shown in a later cell."""

    mode = "wb"

    def __init__(self, stream):
        self._stream = stream
        self.name = stream.name
        self.raw = self

    def write(self, data):
        """Writes all of ``data``, any object that gives bytes; how many they are."""
        data = bytes(memoryview(data))  # memoryview refuses str and int
        if data:
            self._stream.write_bytes(data)
        return len(data)

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return self._stream.fileno()

    def close(self):
        pass  # as the text stream

    @property
    def closed(self):
        return False

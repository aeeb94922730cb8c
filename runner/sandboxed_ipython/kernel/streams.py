"""``sys.stdout`` and ``sys.stderr`` of a kernel. Each write is in the pipe when it returns, so a crash loses nothing."""

import contextvars
import io

from .. import wire

#: The msg_id of the cell that created the current task. It is not set in threads, whose text belongs to the cell that
#: runs.
current_cell = contextvars.ContextVar("current_cell", default="")
#: The value for code that runs for no cell. What such code prints and displays is dropped.
NO_CELL = "-"


class _Descriptor(int):
    """The number of a stream's descriptor.

    It behaves like any number, but the numbers of two streams are not equal, even though both write to the same place:
    wurlitzer compares them to find out whether ``sys.stdout`` is Python's original stream, and raises an error if it
    is.
    """

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
        """Makes a copy, or the value in another process, a plain number."""
        return int, (int(self),)


class CellStream(io.TextIOBase):
    """A text stream to the cell.

    Args:
        kernel: has the ``channel`` and ``running`` (the ``msg_id`` of the running cell).
        name: ``stdout`` or ``stderr``.
        number: what ``fileno()`` returns.
    """

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
        """Writes a text in one piece, also if other threads write. Returns its length in characters."""
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
        """Writes ``data`` (bytes), which is shown as UTF-8."""
        cell = current_cell.get()
        if not cell or cell == self._kernel.running:
            self._kernel.channel.write(self._stream, data)
        else:
            self._write_elsewhere(cell, data)

    def _write_elsewhere(self, cell, data):
        """Sends text of a task that an earlier cell created to that cell, and not to the cell that the pipe's text now
        belongs to.
        """
        if cell != NO_CELL:
            self._kernel.channel.send("stream", {"name": self._stream, "text": data.decode("utf-8", "replace")}, cell)

    def flush(self):
        pass  # nothing is buffered

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return self._number

    def close(self):
        pass  # sys.stdout stays open if a cell closes it, as under ipykernel

    @property
    def closed(self):
        return False

    def reconfigure(self, **options):
        """Does nothing: encoding and buffering are fixed."""


def can_be_written(stream) -> bool:
    """Returns whether ``stream`` (any object of a cell) claims that text can be written to it. Nothing is written, but
    code of the object may run.
    """
    try:
        return callable(stream.write) and not getattr(stream, "closed", False)
    except Exception:
        return False


# click, and libraries that are built on it, print colours to a stream that is no terminal only if its class is
# ipykernel's.
CellStream.__module__, CellStream.__qualname__, CellStream.__name__ = "ipykernel.iostream", "OutStream", "OutStream"


class _Bytes(io.BufferedIOBase):
    """``sys.stdout.buffer``. It buffers nothing: a byte that waited for the next one would be shown in a later cell."""

    mode = "wb"

    def __init__(self, stream):
        self._stream = stream
        self.name = stream.name
        self.raw = self

    def write(self, data):
        """Writes all of ``data`` (a bytes-like object). Returns the number of bytes."""
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
        pass  # like the text stream

    @property
    def closed(self):
        return False

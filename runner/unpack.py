"""Writes files that the host sends into the sandbox's home. Each file arrives completely or not at all.

stdin is a sequence of frames: 4 bytes with the length (big endian), and that many bytes. Every file is a frame of JSON
``{"path", "folder", "modified", "executable"}``, frames with its bytes, and an empty frame; ``TAKEN_BACK`` in place of
a length withdraws the file. Another empty frame ends the sequence. stdout is one line, ``{"failed": [[index, "ENOSPC"],
…]}``.

The process runs as the cells' user, to whom the files belong. So a cell may kill or stop it. The host treats its output
only as a claim, and waits for it only for a limited time.
"""

import ctypes
import errno
import json
import os
import sys

_PR_SET_DUMPABLE = 4
TAKEN_BACK = 0xFFFFFFFF
MAX_FRAME_BYTES = 4 * 1024 * 1024
#: Prefix of the name of an incomplete file. It is in the home itself, because a rename must not leave the file system.
INCOMING_PREFIX = ".incoming-"


def exactly(source, length):
    """Reads ``length`` bytes. Raises EOFError if the stream ends before."""
    data = source.read(length)
    if len(data) != length:
        raise EOFError("the host's stream was cut")
    return data


def frame(source):
    """Returns the next frame (bytes): empty at the end of a file, None if the file is withdrawn. Raises EOFError."""
    length = int.from_bytes(exactly(source, 4), "big")
    if length == TAKEN_BACK:
        return None
    if length > MAX_FRAME_BYTES:
        raise EOFError("a frame of %d bytes" % length)
    return exactly(source, length)


def target_of(home, path):
    """Returns the absolute path of a file. Raises OSError if ``path`` would leave the home."""
    if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise OSError(errno.EINVAL, "not a clean path")
    return os.path.join(home, path)


def make_folder(home, path):
    """Makes a folder and its parents. Raises OSError."""
    os.makedirs(target_of(home, path), exist_ok=True)


def write(file, data):
    """Writes all of ``data``. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def receive_file(source, home, entry):
    """Reads all frames of a file, whatever happens to it. Returns the OSError because of which it could not be written,
    or None.
    """
    incoming = os.path.join(home, INCOMING_PREFIX + str(os.getpid()))
    problem = file = None
    try:
        file = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        problem = error
    try:
        data = frame(source)
        while data:
            if problem is None:
                try:
                    write(file, data)
                except OSError as error:
                    problem = error
            data = frame(source)
        if problem is None and data is not None:
            place(file, incoming, target_of(home, entry["path"]), entry)
    except OSError as error:
        problem = error
    finally:
        if file is not None:
            os.close(file)
            remove(incoming)
    return problem


def place(file, incoming, target, entry):
    """Sets the mode and the time of a complete file, and renames it to its target. Raises OSError."""
    os.fchmod(file, 0o755 if entry["executable"] else 0o644)
    os.utime(file, (entry["modified"], entry["modified"]))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(incoming, target)


def remove(path):
    """Removes a file if it exists."""
    try:
        os.unlink(path)
    except OSError:
        pass  # it was renamed, or a cell removed it


def receive(source, home):
    """Receives all files. Returns those that could not be written, as ``[index, name of the errno]``."""
    for name in os.listdir(home):
        if name.startswith(INCOMING_PREFIX):
            remove(os.path.join(home, name))  # left by a process that was killed
    failed = []
    index = 0
    while True:
        header = frame(source)
        if not header:
            return failed
        entry = json.loads(header)
        problem = None
        if entry["folder"]:
            try:
                make_folder(home, entry["path"])
            except OSError as error:
                problem = error
        else:
            problem = receive_file(source, home, entry)
        if problem is not None:
            failed.append([index, errno.errorcode.get(problem.errno, "EIO")])
        index += 1


def main(home):
    """Receives files into ``home``. Returns the exit status."""
    # Keeps a cell from finding the host's streams in /proc. A cell may trace this process before that; then it can only
    # write files of its own.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        failed = receive(sys.stdin.buffer, home)
    except EOFError as error:
        sys.stderr.write("%s\n" % error)
        return 1
    sys.stdout.write(json.dumps({"failed": failed}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

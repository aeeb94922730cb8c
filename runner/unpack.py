"""Puts files that the host sends into the sandbox's home: each of them whole, or not at all.

stdin is frames: 4 bytes of length (big endian) and as many bytes. Every file is a frame of JSON ``{"path", "folder", "modified", "executable"}``,
the frames of its bytes, and an empty one; ``TAKEN_BACK`` in place of a length takes the file back. A last empty frame ends it all.
stdout is one line, ``{"failed": [[index, "ENOSPC"], …]}``.

It runs as the cells' user, whose files these become. So a cell may end or stop it; the host takes nothing that it says for more
than a claim, and waits for it only so long.
"""

import ctypes
import errno
import json
import os
import sys

_PR_SET_DUMPABLE = 4
TAKEN_BACK = 0xFFFFFFFF
MAX_FRAME = 4 * 1024 * 1024
#: What is not whole yet has this name, in the home itself: a rename must not leave the file system.
INCOMING = ".incoming-"


def exactly(source, length):
    data = source.read(length)
    if len(data) != length:
        raise EOFError("the host's stream was cut")
    return data


def frame(source):
    """The next frame; empty at the end of a file, None where the file is taken back."""
    length = int.from_bytes(exactly(source, 4), "big")
    if length == TAKEN_BACK:
        return None
    if length > MAX_FRAME:
        raise EOFError("a frame of %d bytes" % length)
    return exactly(source, length)


def target_of(home, path):
    if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise OSError(errno.EINVAL, "not a clean path")
    return os.path.join(home, path)


def make_folder(home, path):
    os.makedirs(target_of(home, path), exist_ok=True)


def write(file, data):
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def receive_file(source, home, entry):
    """Reads the file's frames to their end, whatever becomes of it. Gives the OSError that kept it out."""
    incoming = os.path.join(home, INCOMING + str(os.getpid()))
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
    os.fchmod(file, 0o755 if entry["executable"] else 0o644)
    os.utime(file, (entry["modified"], entry["modified"]))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(incoming, target)


def remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass  # it was renamed, or a cell took it


def receive(source, home):
    """The files that could not be written: ``[index, name of the errno]``."""
    for name in os.listdir(home):
        if name.startswith(INCOMING):
            remove(os.path.join(home, name))  # of one of us that was killed
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
    # A cell is not to find the host's streams in /proc. It may trace this process before; then what it writes is its own.
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

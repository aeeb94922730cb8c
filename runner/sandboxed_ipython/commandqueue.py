"""The folders of the queue. Commands arrive as files, in the order of their arrival; results leave as files."""

import errno
import logging
import os
import secrets
import stat
import time
from collections import deque

from . import linux, wire

log = logging.getLogger(__name__)

#: Number of results that are kept. The oldest are removed first.
MAX_RESULTS = 1000
#: A file that is not valid JSON, and that was found by a scan instead of announced by its writer's ``close``, counts as
#: whole after this many seconds without a change.
_UNCHANGED_SECONDS = 5.0
#: Seconds that one removal of foreign files may take.
_ROOM_SECONDS = 0.2
#: Number of files that one scan of the folder picks up; the next scan follows when they are picked up. And number of
#: names that a scan reads in one step.
_MAX_FILES_PER_SCAN, _NAMES_PER_STEP = 10_000, 200
#: A folder that a cell removed while it was being made is made again after this many seconds.
_RETRY_SECONDS = 0.1
_WATCHED = linux.IN_MOVED_TO | linux.IN_CLOSE_WRITE | linux.IN_DELETE_SELF | linux.IN_MOVE_SELF | linux.IN_ONLYDIR
_GONE = linux.IN_DELETE_SELF | linux.IN_MOVE_SELF | linux.IN_UNMOUNT | linux.IN_IGNORED


class CommandQueue:
    """Watches ``commands/`` and passes on each new ``*.json`` file once, in the order of arrival.

    A host's command is written into the folder by :meth:`put` and then picked up like any other file. Nothing that a
    cell does to the folder (such as removing or filling it) delays the commands of hosts: their data are kept in memory
    until they are picked up. Files are picked up as far as one turn of the reactor allows, and the others in later
    turns.

    Args:
        root: path of the queue's folder.
        on_command: ``on_command(name, data, is_ours)`` gets each file. ``data`` (bytes) is None if a foreign file is
            too long.
        poll_interval: seconds between two scans where inotify does not work.
        use_inotify: False to poll only.
    """

    def __init__(self, root, reactor, on_command, poll_interval, use_inotify=True):
        self._root = root
        self._commands = os.path.join(root, "commands")
        self._results = os.path.join(root, "results")
        self._reactor = reactor
        self._on_command = on_command
        self._poll_interval = poll_interval
        self._number = 0
        self._waiting = {}  # name → data of files that :meth:`put` has written
        self._unfinished = {}  # name → ((size, time of change), since when) of files that may still be written
        self._kept = deque()
        self._announced = deque()  # names from inotify that are not picked up yet
        self._is_picking = self._is_scanning = self._scans_again = False
        self._inotify = self._open_inotify() if use_inotify else -1
        self._watch = -1  # the watch descriptor of the folder that is watched now
        self._retry = None
        self._look = None
        self._make_folders()
        if self._inotify < 0:
            log.info("no inotify here: looking every %g s", poll_interval)
            self._poll()

    def put(self, data: bytes) -> bool:
        """Queues one command (bytes) as a file. Returns False if there is no room; the caller must then pass the
        command on itself.
        """
        self._number += 1
        name = "%d.json" % self._number
        while os.path.lexists(os.path.join(self._commands, name)):
            self._number += 1
            name = "%d.json" % self._number
        self._waiting[name] = data
        for attempt in (1, 2):
            try:
                self._write(self._commands, name, data)
                return True
            except OSError as error:
                if error.errno == errno.ENOENT and attempt == 1:
                    self._make_folders()
                else:
                    break
        del self._waiting[name]
        return False

    def look(self) -> None:
        """Picks up the files that have arrived, in order, without waiting for the selector. Used after :meth:`put`."""
        if self._inotify >= 0:
            self._on_inotify()

    def take_waiting(self) -> None:
        """Picks up now all files that :meth:`put` has written: because the folder is gone, or because a command follows
        that must not overtake them.
        """
        for name in list(self._waiting):
            self._pick_up(name)

    def result(self, number: int, msg_id: str, reply: bytes) -> bool:
        """Writes ``results/<number>-<msg_id>.json``. Returns whether it was written; if not (as on a full file system),
        a line is logged.
        """
        name = "%d-%s.json" % (number, msg_id)
        try:
            os.makedirs(self._results, mode=0o777, exist_ok=True)
            self._write(self._results, name, reply)
        except OSError as error:
            log.warning("result of %s not written: %s", msg_id, error.strerror)
            return False
        self._kept.append(name)
        if len(self._kept) > MAX_RESULTS:
            self._unlink(os.path.join(self._results, self._kept.popleft()))
        return True

    def remove_foreign_files(self, known) -> None:
        """Makes room: removes all files below the queue's folder except results, waiting commands and the paths in
        ``known``.
        """
        keep = set(known)
        keep.update(os.path.join(self._results, name) for name in self._kept)
        keep.update(os.path.join(self._commands, name) for name in self._waiting)
        removed = 0
        for path in _files_below(self._root, time.monotonic() + _ROOM_SECONDS):
            if path not in keep:
                self._unlink(path)
                removed += 1
        log.warning("the queue is full: removed %d files that are not ours", removed)

    # ------------------------------------------------------------------------------------------------ commands

    def _open_inotify(self):
        try:
            fd = linux.inotify_init()
        except OSError as error:
            log.warning("%s", error)
            return -1
        self._reactor.watch(fd, on_read=self._on_inotify)
        return fd

    def _make_folders(self):
        for folder in (self._commands, self._results):
            try:
                if not os.path.isdir(folder) or os.path.islink(folder):
                    self._unlink(folder)
                os.makedirs(folder, mode=0o777, exist_ok=True)
            except OSError as error:
                log.warning("%s: %s", folder, error.strerror)
        if self._inotify >= 0:
            self._watch_commands()
        self._scan()

    def _watch_commands(self):
        """Watches the folder that has the name ``commands`` now, and no other folder. Watching a watched folder again
        does not change its descriptor.
        """
        before = self._watch
        try:
            self._watch = linux.inotify_add_watch(self._inotify, self._commands, _WATCHED)
        except OSError as error:
            self._watch = -1
            if error.errno in (errno.ENOENT, errno.ENOTDIR):  # the folder was removed again meanwhile
                if self._retry is None:
                    self._retry = self._reactor.after(_RETRY_SECONDS, self._mend)
                return
            log.warning("%s: looking every %g s instead", error, self._poll_interval)
            self._reactor.unwatch(self._inotify)
            os.close(self._inotify)
            self._inotify = -1
            self._poll()
            return
        if before not in (-1, self._watch):
            try:
                linux.inotify_rm_watch(self._inotify, before)
            except OSError:
                pass  # the watch ended with its folder

    def _mend(self):
        """Makes and watches the folders again after a change. Commands of hosts that were in a removed folder are
        picked up from memory.
        """
        self._retry = None
        self._make_folders()

    def _on_inotify(self):
        try:
            data = os.read(self._inotify, 1 << 16)
        except BlockingIOError:
            return
        for watch, mask, name in linux.inotify_events(data):
            if mask & linux.IN_Q_OVERFLOW or (watch == self._watch and mask & _GONE):
                self._mend()
            elif watch == self._watch and name:  # ignores events of a former folder
                self._announced.append(name)
        if not self._is_picking:
            self._is_picking = True
            if not self._reactor.gradually(self._pick_up_announced()):
                self._reactor.unwatch(self._inotify)  # until these files are picked up

    def _pick_up_announced(self):
        while self._announced:
            name = self._announced.popleft()
            self._reactor.guarded(lambda name=name: self._pick_up(name))
            yield
        self._is_picking = False
        if self._inotify >= 0:
            self._reactor.watch(self._inotify, on_read=self._on_inotify)

    def _poll(self):
        if not os.path.isdir(self._commands):
            self._make_folders()
        self._scan()
        self._reactor.after(self._poll_interval, self._poll)

    def _scan(self):
        """Picks up the files in the folder in the order of arrival, and then the commands of hosts whose files are not
        there any more.
        """
        if self._is_scanning:
            self._scans_again = True
            return
        self._is_scanning = True
        self._reactor.gradually(self._scan_steps())

    def _scan_steps(self):
        found = []
        try:
            with os.scandir(self._commands) as entries:
                for count, entry in enumerate(entries):
                    if _is_command(entry.name) and not entry.is_dir(follow_symlinks=False):
                        found.append((entry.stat(follow_symlinks=False), entry.name))
                    if len(found) >= _MAX_FILES_PER_SCAN:
                        self._scans_again = True
                        break
                    if count % _NAMES_PER_STEP == 0:
                        yield
        except OSError:
            pass  # the folder or one of its files is gone
        found.sort(key=_arrival)
        self._unfinished = {name: self._unfinished[name] for _, name in found if name in self._unfinished}
        for status, name in found:
            self._reactor.guarded(lambda status=status, name=name: self._look_at(name, status))
            yield
        self.take_waiting()
        self._is_scanning = False
        if self._scans_again:
            self._scans_again = False
            self._reactor.after(0.0, self._scan)
        elif self._unfinished and self._look is None and self._inotify >= 0:  # polling scans again anyway
            self._look = self._reactor.after(self._poll_interval, self._look_again)

    def _look_at(self, name, status):
        if name in self._waiting or self._is_whole(name, status):
            self._pick_up(name)

    def _look_again(self):
        self._look = None
        self._scan()

    def _is_whole(self, name, status):
        """Returns whether a file that a scan has found is complete. Valid JSON is complete; any other file may still be
        written.
        """
        if not stat.S_ISREG(status.st_mode) or status.st_size > wire.MAX_DROPPED_BYTES:
            return True
        state = (status.st_size, status.st_mtime_ns)
        seen, since = self._unfinished.get(name, (None, 0.0))
        if seen == state:
            return time.monotonic() - since >= _UNCHANGED_SECONDS
        is_file, data = self._read(os.path.join(self._commands, name))
        if not is_file or data is None or wire.is_json(data):
            return True
        self._unfinished[name] = (state, time.monotonic())
        return False

    def _pick_up(self, name):
        if not _is_command(name):
            return
        data = self._waiting.pop(name, None)
        self._unfinished.pop(name, None)
        path = os.path.join(self._commands, name)
        is_ours = is_file = data is not None
        if not is_ours:
            is_file, data = self._read(path)
        self._unlink(path)
        if is_file:
            self._on_command(name, data, is_ours)

    def _read(self, path):
        """Returns whether ``path`` is a regular file, and its content (bytes), which is None if it is too long.

        A link, a FIFO or a folder is no regular file.
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False, None  # the file was picked up already: it is announced both by its close and by its rename
        except OSError as error:
            log.warning("not a readable command file: %s", error.strerror)
            return False, None
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                log.warning("not a command file: mode %o", status.st_mode)
                return False, None
            if status.st_size > wire.MAX_DROPPED_BYTES:
                return True, None
            return True, file.read(wire.MAX_DROPPED_BYTES)

    # ------------------------------------------------------------------------------------------------ results

    @staticmethod
    def _write(folder, name, data):
        """Writes a file under a temporary name and renames it, so that a reader never sees half a file.

        The temporary name is random, so a cell cannot guess it. ``O_EXCL`` refuses an existing name: opening a FIFO, or
        a file with a lease, could block forever.
        """
        temporary = os.path.join(folder, ".%s-%s" % (secrets.token_hex(8), name))
        fd = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
        )
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
        except OSError:
            os.unlink(temporary)
            raise
        finally:
            os.close(fd)
        os.rename(temporary, os.path.join(folder, name))

    @staticmethod
    def _unlink(path):
        try:
            os.unlink(path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            pass
        except OSError as error:
            log.warning("%s: %s", path, error.strerror)


def _files_below(top, give_up):
    """Yields the paths of all entries below ``top`` that are not folders, until the time ``give_up``. (``os.walk`` of
    older Pythons is limited by the depth of a recursion.)
    """
    folders = [top]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if time.monotonic() > give_up:
                        return
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        yield entry.path
        except OSError:
            continue  # the folder is gone or cannot be read


def _is_command(name):
    return name.endswith(".json") and not name.startswith(".")


def _arrival(found):
    status, name = found
    return status.st_mtime_ns, _natural(name), name


def _natural(name):
    stem = name[:-5]
    return (0, int(stem), "") if stem.isascii() and stem.isdigit() and len(stem) < 18 else (1, 0, name)

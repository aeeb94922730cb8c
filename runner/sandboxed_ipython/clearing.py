"""Empties the folders that the cells of a sandbox can write to."""

import logging
import os
import secrets

log = logging.getLogger(__name__)


def clear(options, in_container: bool) -> None:
    """Empties the home of the cells and, in a container, the folders that everybody may write to. In ``/dev/shm`` and
    ``/dev/mqueue`` only the files of the cells' user are removed.

    Args:
        options: the :class:`Options` of the sandbox.
        in_container: False in a test on the host, where only ``.tmp`` in the home stands for ``/tmp``.
    """
    _empty_folder(options.home, keep=(os.path.basename(options.queue),))
    if in_container:
        _empty_folder("/tmp")
        _empty_folder("/dev/shm", owner=os.getuid())
        if os.path.isdir("/dev/mqueue"):  # not every engine mounts it
            _empty_folder("/dev/mqueue", owner=os.getuid())
    else:
        _empty_folder(os.path.join(options.home, ".tmp"))


def _empty_folder(folder, keep=(), owner=None):
    """Removes the entries of ``folder``, except those named in ``keep`` and those of another ``owner`` (a uid). Logs
    what cannot be removed.
    """
    try:
        names = os.listdir(folder)
    except OSError as error:
        log.warning("%s: %s", folder, error.strerror)
        return
    for name in names:
        if name in keep:
            continue
        path = os.path.join(folder, name)
        try:
            if owner is not None and os.lstat(path).st_uid != owner:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                _remove_tree(path)
            else:
                os.unlink(path)
        except OSError as error:
            log.warning("%s: %s", path, error.strerror)


def _remove_tree(top):
    """Removes a folder and everything below it.

    Each folder is moved up into ``top`` before it is emptied, because a cell can nest folders deeper than a recursion
    or a path can go. The folders belong to this user, so their modes can be set, whatever rights a cell has taken away.
    """
    os.chmod(top, 0o700)
    moved = os.path.join(top, secrets.token_hex(8))
    folders, count = [top], 0
    while folders:
        folder = folders.pop()
        below = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
                else:
                    os.unlink(entry.path)
        if folder is top and below:
            folders.append(top)  # once more, when the folders in it are gone
        for path in below:
            os.chmod(path, 0o700)
            if folder is not top:
                count += 1
                lifted = "%s-%d" % (moved, count)
                os.rename(path, lifted)
                path = lifted
            folders.append(path)
        if folder is not top or not below:
            os.rmdir(folder)

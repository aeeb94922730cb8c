"""Empties what the cells of a sandbox could write into."""

import logging
import os
import secrets

log = logging.getLogger(__name__)


def clear(options, in_container):
    """Empties the home of the cells, and the places of a container that all of it may write into: of ``/dev/shm`` what is the cells' own."""
    _empty_folder(options.home, keep=(os.path.basename(options.queue),))
    if in_container:
        _empty_folder("/tmp")
        _empty_folder("/dev/shm", owner=os.getuid())
        if os.path.isdir("/dev/mqueue"):  # an engine need not give it
            _empty_folder("/dev/mqueue", owner=os.getuid())
    else:
        _empty_folder(os.path.join(options.home, ".tmp"))


def _empty_folder(folder, keep=(), owner=None):
    """Removes what is in ``folder`` but the entries named in ``keep``, and those of another ``owner`` (a uid); what cannot be removed is logged."""
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
    """Folders are moved up into ``top`` before they are emptied: a cell can nest them deeper than a recursion or a path
    goes. They are ours, whatever rights a cell has taken from them."""
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
            folders.append(top)  # again, once what is in it is gone
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

"""The folder in which cells run: the notebook's own, in the copy of the user's project."""

import contextlib
import os
import sys
from pathlib import Path


class WorkingFolder:
    """Where a kernel stands until a cell goes elsewhere."""

    def __init__(self, home):
        self._home = home
        self._folder = ""

    def enter(self, folder, shell):
        """Goes to ``folder`` (below the home; "" is no folder) unless that is known, or a cell has gone elsewhere since. It is made where it
        is missing; where it cannot be made the kernel stays, and the next cell tries again."""
        if not folder or folder == self._folder or (self._folder and not self._is_there()):
            return
        path = os.path.join(self._home, folder)
        try:
            os.makedirs(path, exist_ok=True)
            os.chdir(path)
        except (OSError, UnicodeEncodeError):  # the file system's encoding may not have all of its characters
            return
        self._folder = folder
        with contextlib.suppress(Exception):  # a cell may have put anything there
            _begin_there(path, shell)

    def _is_there(self):
        try:
            return os.getcwd() == os.path.join(self._home, self._folder)
        except OSError:
            return True  # a cell has removed it


def _begin_there(path, shell):
    """As if Python had been started there: what has looked at the working folder before is told."""
    shell.starting_dir = path
    visited = shell.history_manager.dir_hist  # ``_dh``, whose first is taken for the notebook's folder by cells
    visited[:] = [Path(path) if visited and isinstance(visited[0], Path) else path]
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        multiprocessing.ORIGINAL_DIR = path  # where children of another start method find the modules of ``""``

"""The folder in which cells run: the folder of the notebook, in the copy of the user's project."""

import contextlib
import os
import sys
from pathlib import Path


class WorkingFolder:
    """The working folder of a kernel, until a cell changes it."""

    def __init__(self, home):
        self._home = home
        self._folder = ""

    def enter(self, folder: str, shell) -> None:
        """Changes to ``folder``, unless the kernel has done so already or a cell has changed the working folder since.

        The folder is made if it is missing. If it cannot be made the working folder stays, and the next cell tries
        again.

        Args:
            folder: path below the home, or "" for none.
            shell: the IPython shell.
        """
        if not folder or folder == self._folder or (self._folder and not self._is_there()):
            return
        path = os.path.join(self._home, folder)
        try:
            os.makedirs(path, exist_ok=True)
            os.chdir(path)
        except (OSError, UnicodeEncodeError):  # the file system's encoding may lack some of the characters
            return
        self._folder = folder
        with contextlib.suppress(Exception):  # a cell may have replaced any of these objects
            _begin_there(path, shell)

    def _is_there(self):
        try:
            return os.getcwd() == os.path.join(self._home, self._folder)
        except OSError:
            return True  # a cell has removed the folder


def _begin_there(path, shell):
    """Updates everything that has remembered the former working folder, as if Python had been started in the new one."""
    shell.starting_dir = path
    visited = shell.history_manager.dir_hist  # ``_dh``: cells take its first entry for the notebook's folder
    visited[:] = [Path(path) if visited and isinstance(visited[0], Path) else path]
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        multiprocessing.ORIGINAL_DIR = path  # here children of another start method look for the modules of ``""``

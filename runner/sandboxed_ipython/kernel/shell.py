"""The IPython shell of a kernel. Its class name and config are those that libraries look for to find a notebook."""

import asyncio
import builtins
import contextlib
import getpass
import os
import sys

from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.process import system
from traitlets import Type
from traitlets.config import Config

from .compiler import CellCompiler
from .display import CellDisplayHook, CellDisplayPublisher
from .facade import KernelFacade


class ZMQInteractiveShell(InteractiveShell):
    """ipykernel's name: rich, tqdm, plotly and others test for it."""

    displayhook_class = Type(CellDisplayHook)
    display_pub_class = Type(CellDisplayPublisher)
    compiler_class = Type(CellCompiler)
    #: What libraries find; ours is ``sandbox``.
    kernel = None
    sandbox = None

    def init_hooks(self):
        super().init_hooks()
        self.set_hook("show_in_pager", _page, 99)

    def enable_gui(self, gui=None):
        """No event loop of a GUI can be had here; ``%matplotlib inline`` asks all the same."""
        if gui not in (None, "inline", "agg", "asyncio"):
            raise ValueError("a sandbox has no display for the GUI %r; use %%matplotlib inline" % gui)

    def ask_exit(self):
        """``exit()``: the kernel leaves after this cell, and the next cell finds a fresh one."""
        keep = bool(getattr(self, "keepkernel_on_exit", False))
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": keep})
        self.sandbox.exiting = not keep

    def run_cell(self, *args, **kwargs):
        self._last_traceback = None
        return super().run_cell(*args, **kwargs)

    def set_next_input(self, text, replace=False):
        self.payload_manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    def _showtraceback(self, etype, evalue, stb):
        self._last_traceback = stb
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # a cell may have put anything there, and closed it
                stream.flush()
        self.sandbox.send("error", {"ename": str(etype.__name__), "evalue": _text(evalue), "traceback": [str(line) for line in stb]})

    def showtraceback(self, exc_tuple=None, *args, **kwargs):
        """A cancelled ``await`` that our interrupt caused is shown as what the user did: KeyboardInterrupt."""
        kind = exc_tuple[0] if exc_tuple else sys.exc_info()[0]
        if kind is not None and issubclass(kind, asyncio.CancelledError) and self.sandbox.interrupts.pressed:
            error = KeyboardInterrupt()
            error.__traceback__ = exc_tuple[2] if exc_tuple else sys.exc_info()[2]
            exc_tuple = (KeyboardInterrupt, error, error.__traceback__)
        super().showtraceback(exc_tuple, *args, **kwargs)

    def system_piped(self, cmd):
        """``!cmd``: its output goes to fd 1 and fd 2 directly, so it is live and never in a buffer of ours."""
        if cmd.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        self.user_ns["_exit_code"] = system(self.var_expand(cmd, depth=1))

    system = system_piped

    def init_history(self):
        self.history_manager = HistoryManager(shell=self, parent=self, hist_file=":memory:")
        self.configurables.append(self.history_manager)


def _page(shell, strng, start=0, screen_lines=0, pager_cmd=None):
    """What a terminal would page (``len?``) goes to the host as Jupyter's ``page`` payload."""
    bundle = strng if isinstance(strng, dict) else {"text/plain": str(strng)}
    shell.payload_manager.write_payload({"source": "page", "data": bundle, "start": start})


def _text(value):
    """``str()`` of an exception, which may itself fail."""
    try:
        return str(value)
    except Exception as error:
        return "<str() of the exception failed: %s>" % type(error).__name__


def make(kernel, history_size):
    """The one shell of this process, wired to ``kernel``; its banner and terminal features are off."""
    config = Config()
    config.IPKernelApp = Config({"connection_file": ""})  # its presence is what IPython's and others' checks look for
    config.InteractiveShell.cache_size = history_size
    config.InteractiveShell.colors = "Linux" if _ipython_major() < 9 else "linux"
    config.HistoryManager.hist_file = ":memory:"
    ZMQInteractiveShell.sandbox = CellDisplayHook.kernel = CellDisplayPublisher.kernel = kernel
    ZMQInteractiveShell.kernel = KernelFacade(kernel)
    shell = ZMQInteractiveShell.instance(config=config, user_module=None, user_ns=None)
    builtins.input = kernel.prompts.input
    getpass.getpass = kernel.prompts.getpass
    if "" not in sys.path:
        sys.path.insert(0, "")
    return shell


def _ipython_major():
    import IPython

    return IPython.version_info[0]


def set_history_size(shell, size):
    """``historySize``: how many results ``Out`` keeps."""
    shell.cache_size = size
    shell.displayhook.cache_size = size
    shell.displayhook.do_full_cache = size > 0


def prepare_environment(options):
    """What a cell's process should find; the container gives HOME and USER."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ.setdefault("PYDEVD_USE_FRAME_EVAL", "NO")
    for name, value in (("TERM", "xterm-color"), ("CLICOLOR", "1"), ("FORCE_COLOR", "1"), ("CLICOLOR_FORCE", "1"), ("PAGER", "cat"), ("GIT_PAGER", "cat")):
        os.environ.setdefault(name, value)
    try:
        os.chdir(options.home)
    except OSError:
        os.chdir("/")

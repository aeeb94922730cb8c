"""The IPython shell of a kernel. Libraries recognize a notebook by the name of its class and by its config."""

import asyncio
import builtins
import contextlib
import getpass
import importlib
import os
import pdb
import shlex
import sys

from IPython.core import debugger
from IPython.core.autocall import ZMQExitAutocall
from IPython.core.error import UsageError
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import LSString, SList
from traitlets import Instance, Type, Unicode, default
from traitlets.config import Config, Configurable

from . import bounds, comms, ipykernel_modules, plots, programs
from .compiler import CellCompiler
from .display import CellDisplayHook, ZMQDisplayPublisher
from .facade import KernelFacade
from .frames import holds_code_of_a_cell, passes_errors_on, without_ours
from .libraries import add_to_path
from .magics import KernelMagics

#: GUIs whose figures the front end shows, so that no event loop has to run.
_GUIS = (None, "inline", "agg", "asyncio", "nbagg", "notebook", "webagg", "ipympl", "widget")


class IPKernelApp(Configurable):
    """An entry in ``%config`` that configurations may name. No application exists behind it."""

    connection_file = Unicode("", help="A sandbox has none: its kernel is reached through a queue.").tag(config=True)


class ZMQInteractiveShell(InteractiveShell):
    """The shell. Its name is ipykernel's, because rich, tqdm, plotly and others test for it."""

    displayhook_class = Type(CellDisplayHook)
    display_pub_class = Type(ZMQDisplayPublisher)
    compiler_class = Type(CellCompiler)
    exiter = Instance(ZMQExitAutocall)
    keepkernel_on_exit = None
    #: ``kernel`` is the facade for libraries, ``sandbox`` the real kernel (``main.Kernel``).
    kernel = None
    sandbox = None
    #: (name, text) of the exception that a result raised when it was about to be shown.
    failed_display = None
    #: (exception, text) of the traceback that was shown last in this cell.
    shown_error = None
    #: (code, transformed code) of the synchronous cell that is about to run.
    _prepared = None

    @default("exiter")
    def _default_exiter(self):
        return ZMQExitAutocall(self)

    def init_hooks(self):
        super().init_hooks()
        self.set_hook("show_in_pager", _page, 99)

    def enable_gui(self, gui=None):
        """Accepts only GUIs that need no event loop, because no other GUI is available here. ``%matplotlib inline``
        calls this too.
        """
        if gui not in _GUIS:
            raise UsageError("A sandbox has no display for the GUI %r; use %%matplotlib inline." % gui)

    @passes_errors_on
    def enable_matplotlib(self, gui=None):
        return plots.enable(self, super().enable_matplotlib, gui)

    def init_magics(self):
        super().init_magics()
        self.register_magics(KernelMagics)

    def ask_exit(self):
        """Implements ``exit()``: the kernel ends after this cell, and the next cell gets a fresh kernel."""
        keep = bool(self.keepkernel_on_exit)
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": keep})
        self.sandbox.exiting = not keep

    @property
    def parent_header(self):
        """The request of the cell that runs or ran last, as in ipykernel."""
        return self.kernel.get_parent()

    def get_parent(self):
        """Returns :attr:`parent_header`."""
        return self.parent_header

    def prepare(self, code):
        """Returns a cell's transformed code, the error of the transformation (``sys.exc_info()`` or None), and whether
        the cell awaits.

        ``run_cell`` of the same code asks for the code and for the ``await`` once more, and then gets the remembered
        answers.
        """
        try:
            transformed, error = self.transform_cell(code), None
        except Exception:
            transformed, error = code, sys.exc_info()
        is_async = self.should_run_async(code, transformed_cell=transformed, preprocessing_exc_tuple=error)
        self._prepared = None if is_async or error else (code, transformed)
        return transformed, error, is_async

    def transform_cell(self, raw_cell):
        if self._prepared is not None and self._prepared[0] is raw_cell:
            return self._prepared[1]
        return super().transform_cell(raw_cell)

    def should_run_async(self, raw_cell, *, transformed_cell=None, preprocessing_exc_tuple=None):
        if self._prepared is not None and self._prepared[1] is transformed_cell:
            self._prepared = None  # answered once: code of the cell may run the same text again, with other rules
            return False
        return super().should_run_async(
            raw_cell, transformed_cell=transformed_cell, preprocessing_exc_tuple=preprocessing_exc_tuple
        )

    def _tee(self, channel):
        """Replaces a method with which IPython 9 keeps everything that a cell prints for as long as the kernel lives,
        so that ``%notebook`` can write it. That takes as much time as printing, and a loop that prints would fill the
        memory.
        """
        return contextlib.nullcontext()

    async def run_cell_async(self, *args, **kwargs):
        """Runs every cell, with or without an ``await``. What earlier cells have shown is forgotten first."""
        self._last_traceback = None
        self.failed_display = self.shown_error = None
        return await super().run_cell_async(*args, **kwargs)

    async def run_asynchronous_cell(self, code, silent=False, **options):
        """Runs a cell with an ``await`` like ``run_cell``: the callbacks that are registered for a cell's end are
        called (they show figures).
        """
        result = None
        try:
            result = await self.run_cell_async(code, silent=silent, **options)
        finally:
            self.events.trigger("post_execute")
            if not silent:
                self.events.trigger("post_run_cell", result)
        return result

    async def run_code(self, code_obj, result=None, *, async_=False):
        """Runs the cell's code, in which an interrupt is raised. An interrupt that came before the code has begun ends
        the cell.
        """
        code = super().run_code(code_obj, result, async_=async_)
        try:
            with self.sandbox.interrupts.code():
                return await code
        except KeyboardInterrupt as error:
            code.close()  # the code may not have begun
            if result is not None:
                result.error_in_exec = error
            self.show_interrupt(error)
            return True

    def show_interrupt(self, error):
        """Shows a KeyboardInterrupt that hit no line of the cell."""
        self._showtraceback(KeyboardInterrupt, error, self.InteractiveTB.get_exception_only(KeyboardInterrupt, error))

    def set_next_input(self, text, replace=False):
        self.payload_manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    def _showtraceback(self, etype, evalue, stb):
        self._last_traceback = stb
        text = bounds.text_of(evalue)
        self.shown_error = (evalue, text)
        if self.displayhook.is_showing:
            self.failed_display = (str(etype.__name__), text)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # a cell may have replaced the stream and closed it
                stream.flush()
        lines = bounds.traceback_lines(stb, bounds.TRACEBACK_CHARS)
        self.sandbox.send("error", {"ename": str(etype.__name__), "evalue": text, "traceback": lines})

    def get_exception_only(self, exc_tuple=None):
        """Returns only the name for an interrupt, because the interrupted code may be an exception that takes forever
        to return its text.
        """
        kind = (exc_tuple or sys.exc_info())[0]
        return "KeyboardInterrupt\n" if kind is KeyboardInterrupt else super().get_exception_only(exc_tuple)

    def showtraceback(self, exc_tuple=None, *args, **kwargs):
        """Shows a traceback. A cancelled ``await`` that an interrupt caused is shown as what the user did:
        KeyboardInterrupt.
        """
        kind = exc_tuple[0] if exc_tuple else sys.exc_info()[0]
        if kind is not None and issubclass(kind, asyncio.CancelledError) and self.sandbox.interrupts.pressed:
            error = KeyboardInterrupt()
            error.__traceback__ = exc_tuple[2] if exc_tuple else sys.exc_info()[2]
            exc_tuple = (KeyboardInterrupt, error, error.__traceback__)
        if kind is not None:
            exc_tuple = exc_tuple or sys.exc_info()
            if kind is KeyboardInterrupt and not holds_code_of_a_cell(exc_tuple[2]):
                self.show_interrupt(exc_tuple[1])
                return
            without_ours(exc_tuple[2])
        super().showtraceback(exc_tuple, *args, **kwargs)

    def system_piped(self, cmd):
        """Runs ``!cmd``."""
        if cmd.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        command = self.var_expand(cmd, depth=1)
        status = self.sandbox.installs.run_shell(command)
        if status is None:
            with self.sandbox.network.watched() as failed:
                status = programs.run(command, self.sandbox.interrupts)
                if status:
                    failed()
        self.user_ns["_exit_code"] = status

    system = system_piped

    def getoutput(self, cmd, split=True, depth=0):
        """Runs ``lines = !cmd``."""
        if cmd.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        with self.sandbox.network.watched() as failed:
            text, status = programs.output(self.var_expand(cmd, depth=depth + 1))
            if status:
                failed()
        return SList(text.splitlines()) if split else LSString(text)

    def run_offline(self, words):
        """Runs a program (list of words) in the sandbox. Returns its exit status."""
        return programs.run(shlex.join(words), self.sandbox.interrupts)

    def init_history(self):
        self.history_manager = HistoryManager(shell=self, parent=self, hist_file=":memory:")
        self.configurables.append(self.history_manager)


def _page(shell, strng, start=0, screen_lines=0, pager_cmd=None):
    """Sends what a terminal would show in a pager (``len?``) to the host, as Jupyter's ``page`` payload."""
    bundle = strng if isinstance(strng, dict) else {"text/plain": str(strng)}
    shell.payload_manager.write_payload({"source": "page", "data": bundle, "start": start})


def make(kernel, history_size):
    """Makes the one shell of this process and connects it to ``kernel``. It shows no banner and has no terminal
    features.

    Args:
        kernel: the kernel (``main.Kernel``).
        history_size: number of results that ``Out`` keeps.
    """
    config = Config()
    config.IPKernelApp = Config({"connection_file": ""})  # IPython and libraries check whether this exists
    config.InteractiveShell.cache_size = history_size
    config.InteractiveShell.colors = "Linux" if _ipython_major() < 9 else "linux"
    config.HistoryManager.hist_file = ":memory:"
    programs.configure(config)
    ZMQInteractiveShell.sandbox = CellDisplayHook.kernel = ZMQDisplayPublisher.kernel = kernel
    ZMQInteractiveShell.kernel = comms.Comm.kernel = KernelFacade(kernel, comms.install(kernel.send))
    shell = ZMQInteractiveShell.instance(config=config, user_module=None, user_ns=None)
    kernel.installs.register(shell)
    programs.watch_scripts(shell, kernel.network)
    programs.document(shell)
    shell.extension_manager.load_extension("storemagic")  # a Jupyter kernel has it from the start
    shell.configurables.append(IPKernelApp(parent=shell))
    _install_debugger()
    programs.let_terminals_read_nothing()
    sys.argv = [""]
    plots.refuse_backends()
    ipykernel_modules.provide(sys.modules[__name__], comms)
    builtins.input = kernel.prompts.input
    getpass.getpass = kernel.prompts.getpass
    if "" not in sys.path:
        sys.path.insert(0, "")
    return shell


def _install_debugger():
    """Makes ``pdb`` and ``breakpoint()`` use IPython's debugger, which Ctrl-C can leave."""
    debugger.Pdb = getattr(debugger, "InterruptiblePdb", debugger.Pdb)
    pdb.Pdb, pdb.set_trace = debugger.Pdb, debugger.set_trace
    sys.breakpointhook = _breakpoint


def _breakpoint(*args, **kwargs):
    """Does the same as Python's own hook, which does not read the environment in an isolated interpreter."""
    name = os.environ.get("PYTHONBREAKPOINT", "")
    if name == "0":
        return None
    if not name:
        return debugger.set_trace(sys._getframe().f_back)
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module or "builtins"), function)(*args, **kwargs)


def _ipython_major():
    import IPython

    return IPython.version_info[0]


def set_history_size(shell, size: int) -> None:
    """Sets how many results ``Out`` keeps."""
    shell.cache_size = size
    shell.displayhook.cache_size = size
    shell.displayhook.do_full_cache = size > 0


def prepare_environment(options) -> None:
    """Sets the environment variables and the working folder of cells. The container sets HOME and USER."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ.setdefault("PYDEVD_USE_FRAME_EVAL", "NO")
    for name, value in (
        ("TERM", "xterm-color"),
        ("CLICOLOR", "1"),
        ("FORCE_COLOR", "1"),
        ("CLICOLOR_FORCE", "1"),
        ("PAGER", "cat"),
        ("GIT_PAGER", "cat"),
    ):
        os.environ.setdefault(name, value)
    add_to_path(options.libraries, options.tools, options.queue)
    try:
        os.chdir(options.home)
    except OSError:
        os.chdir("/")

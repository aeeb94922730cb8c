"""Magics that a Jupyter kernel has and that IPython's terminal lacks or has in another form."""

import os
import threading

from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magics import CodeMagics, MacroToEdit
from IPython.utils import openpy


@magics_class
class KernelMagics(Magics):
    """Magics of a Jupyter kernel. Those that need a terminal or ZeroMQ print that instead of failing."""

    @line_magic
    def edit(self, parameter_s="", last_call=None):
        """Ask the front end to open what ``%edit`` would open in a terminal's editor; its code is not run."""
        options, args = self.parse_options(parameter_s, "prn:")
        try:
            filename, line, _ = CodeMagics._find_edit_target(self.shell, args, options, last_call or ["", ""])
        except MacroToEdit:
            print("%edit cannot open a macro in a notebook.")
            return
        self.shell.payload_manager.write_payload(
            {"source": "edit_magic", "filename": os.path.realpath(filename), "line_number": line}
        )

    @line_magic
    def clear(self, arg_s):
        """Clear the terminal."""
        self.shell.system("clear")

    @line_magic
    def less(self, arg_s):
        """Show a file in the pager; Python's are highlighted."""
        if not arg_s:
            raise UsageError("Missing filename.")
        if arg_s.endswith(".py"):
            text = self.shell.pycolorize(openpy.read_py_file(arg_s, skip_encoding_cookie=False))
        else:
            with open(arg_s, encoding="utf-8", errors="replace") as file:
                text = file.read()
        page.page(text)

    more = line_magic("more")(less)

    @line_magic
    def man(self, arg_s):
        """Show a manual page in the pager."""
        page.page(self.shell.getoutput("man %s | col -b" % arg_s, split=False))

    @line_magic
    def connect_info(self, arg_s):
        """Say how other clients connect to this kernel."""
        print("No other client can connect to the kernel of a sandbox: it has no network.")

    @line_magic
    def qtconsole(self, arg_s):
        """Open a console on this kernel."""
        page.page("No console can be opened on the kernel of a sandbox: it has neither a display nor a network.")

    @line_magic
    def autosave(self, arg_s):
        """Set the interval of saving, in seconds. The editor decides here."""
        try:
            int(arg_s)
        except ValueError:
            raise UsageError("%%autosave requires an integer, got %r" % arg_s) from None
        print("When a notebook is saved is a setting of the editor: files.autoSave.")

    @line_magic
    def subshell(self, arg_s):
        """List the subshells of this kernel."""
        print("This kernel has no subshells; it has %d threads." % threading.active_count())

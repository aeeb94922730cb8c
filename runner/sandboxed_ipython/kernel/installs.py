"""``%pip install`` and ``!pip install``: a request to the host, pip's lines as they come, and the outcome."""

import re
import shlex
import sys

from . import libraries, pip_line

#: Seconds without a message from the host after which an install counts as not answered.
SILENCE_SECONDS = 120.0


class InstallFailed(pip_line.PipError):
    """An install failed for the reason that pip or the host gave."""


class Installs:
    """The magics for installs. ``allowed`` is True if the sender of the running cell answers install requests."""

    def __init__(self, kernel):
        self._kernel = kernel
        self.allowed = False

    def register(self, shell) -> None:
        """Registers the magics."""
        for name, function in (
            ("pip", self._pip),
            ("conda", self._conda),
            ("mamba", self._conda),
            ("micromamba", self._conda),
            ("uv", self._uv),
        ):
            shell.register_magic_function(function, "line", name)

    def run_shell(self, command: str) -> "int | None":
        """Runs a ``!`` line that asks pip for something that pip cannot do here. Returns the exit status that a shell
        would return, or None for any other line.
        """
        words = pip_line.of_shell(command)
        if words is None:
            return None
        try:
            if words[:1] == ["conda"]:
                self._conda("")
            install = pip_line.parse(words)
            if install is None:
                return None
            self._install(install)
        except pip_line.PipError as error:
            sys.stderr.write("ERROR: %s\n" % error)
            return 1
        return 0

    def _pip(self, line):
        """Install packages into this sandbox: ``%pip install name``; ``list``, ``show``, ``freeze`` and ``check`` work too."""
        words = pip_line.split(line)
        install = pip_line.parse(words)
        if install is not None:
            self._install(install)
            return
        status = self._kernel.shell.run_offline([sys.executable, "-m", "pip", *words])
        if status:
            raise pip_line.PipError("pip ended with exit status %d" % status)

    def _uv(self, line):
        """``%uv pip install name`` is ``%pip install name``."""
        words = pip_line.split(line)
        if words[:1] != ["pip"]:
            raise pip_line.PipError("uv is not available here: use %pip install.")
        self._pip(shlex.join(words[1:]))

    def _conda(self, _line):
        """There is no conda in a sandbox."""
        raise pip_line.PipError("conda cannot install here: use %pip install.")

    def _install(self, install):
        for remark in install.remarks():
            print(remark)
        if not self.allowed:
            raise InstallFailed("the program that runs this cell installs no packages.")
        installed = self._ask(install)
        libraries.changed()
        stale = sorted(name for name in installed if name.lower().replace("-", "_") in sys.modules)
        if stale:
            print("Imported before: %s. Restart the kernel to use what was installed." % ", ".join(stale))

    def _ask(self, install):
        """Requests the install. Returns the names that pip reports as installed. Raises InstallFailed."""
        content = {"requirements": install.requirements, "options": install.options}
        said = []
        with self._kernel.inbox.request("install_request", content) as answer:
            while True:
                message = answer(SILENCE_SECONDS)
                if message is None:
                    raise InstallFailed("there was no answer for %d s." % SILENCE_SECONDS)
                content = message["content"]
                if message["msg_type"] == "install_reply":
                    if content["status"] != "ok":
                        raise InstallFailed(content["reason"])
                    return _names("".join(said))
                said.append(content["text"])
                if content["text"] and not install.quiet:
                    sys.stdout.write(content["text"])


def _names(text):
    """Returns the names in pip's last line: ``["six"]`` for ``Successfully installed six-1.17.0``."""
    found = re.search(r"^Successfully installed (.+)$", text, re.MULTILINE)
    return [word.rpartition("-")[0] for word in found.group(1).split()] if found else []

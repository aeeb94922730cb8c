"""Parses a line of ``pip``: it is an install, which the host runs; a command that works offline; or it cannot be done
for a reason.
"""

import os
import re
import shlex

#: pip's option → the option in the protocol.
_PASSED = {
    "-U": "upgrade",
    "--upgrade": "upgrade",
    "--pre": "pre",
    "--no-deps": "no-deps",
    "--force-reinstall": "force-reinstall",
    "-I": "force-reinstall",
    "--ignore-installed": "force-reinstall",
}
_HARMLESS = frozenset(
    (
        "--user",
        "--no-cache-dir",
        "--no-input",
        "-y",
        "--yes",
        "--disable-pip-version-check",
        "--no-warn-script-location",
        "--no-warn-conflicts",
        "--prefer-binary",
        "--break-system-packages",
        "--no-color",
        "--isolated",
        "-v",
        "-vv",
        "-vvv",
        "--verbose",
        "--no-compile",
        "--compile",
        "--no-python-version-warning",
        "--require-virtualenv",
        "--no-clean",
    )
)
#: Ignored options with a value, which follows ``=`` or is the next word.
_HARMLESS_WITH_VALUE = frozenset(
    (
        "--progress-bar",
        "--root-user-action",
        "--timeout",
        "--default-timeout",
        "--retries",
        "--only-binary",
        "--upgrade-strategy",
        "--cache-dir",
        "--exists-action",
        "--log",
        "--use-feature",
        "--use-deprecated",
        "--resume-retries",
    )
)
#: Options for the package index, which is set outside of the sandbox. They have a value, which follows ``=`` or is the
#: next word.
_INDEX = frozenset(("-i", "--index-url", "--pypi-url", "--extra-index-url", "--trusted-host"))
_REASONS = {
    "the package index is set outside of the sandbox, so %s cannot be used here.": (
        "--no-index",
        "-f",
        "--find-links",
        "--proxy",
        "--cert",
        "--client-cert",
    ),
    "packages go to the sandbox's own libraries, so %s cannot be used here.": (
        "-t",
        "--target",
        "--prefix",
        "--root",
        "--src",
        "--python",
    ),
    "only wheels are installed, so %s cannot be used here.": (
        "-e",
        "--editable",
        "--no-binary",
        "--no-build-isolation",
        "--config-settings",
        "-C",
        "--no-use-pep517",
        "--use-pep517",
        "--build-option",
    ),
    "%s is not supported: write the versions with the packages.": ("-c", "--constraint"),
}
_REFUSED = {option: reason for reason, options in _REASONS.items() for option in options}
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*\Z")
_PIP = re.compile(r"(?:.*/)?pip[\d.]*\Z")
_CONDA = re.compile(r"(?:.*/)?(?:conda|mamba|micromamba)\Z")
#: Matches commands for which a shell would do more than run one program.
_SHELL = re.compile(r"[;&|`()]|\$\(|(?:^|\s)\d?[<>]")
_MAX_FILE_CHARS = 256 * 1024


class PipError(Exception):
    """A line cannot be done, for the reason in the text. It is shown without a traceback, because no part of a stack
    would help.
    """

    def _render_traceback_(self):
        return ["\x1b[31m%s\x1b[0m: %s" % (type(self).__name__, self)]


class Install:
    """One install. ``requirements`` are as they were written, except for markers, which are evaluated here."""

    def __init__(self):
        self.requirements = []
        self.options = []
        self.ignored = []
        #: Options for the package index, which are ignored too.
        self.indexes = []
        self.quiet = False

    def remarks(self) -> list[str]:
        """Returns lines to print before the install."""
        remarks = ["Ignored: %s" % " ".join(self.ignored)] if self.ignored else []
        if self.indexes:
            remarks.append(
                "Ignored: %s (packages come from the package index that is set outside of the sandbox)"
                % " ".join(self.indexes)
            )
        return remarks


def of_shell(command: str) -> "list[str] | None":
    """Returns the words behind ``pip`` if a ``!`` line is a single call of pip, ``["conda", …]`` if it calls conda,
    else None.
    """
    command, silenced = re.subn(r"(?:\s(?:2>&1|[12&]?>\s*/dev/null))+\Z", "", command.replace("\\\n", " ").strip())
    if _SHELL.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", command)):
        return None
    words = split(command)
    if words and _PYTHON.match(words[0]) and words[1:3] == ["-m", "pip"]:
        words = words[3:]
    elif words[:2] == ["uv", "pip"]:
        words = words[2:]
    elif words and _PIP.match(words[0]):
        words = words[1:]
    else:
        return ["conda", *words[1:]] if words and _CONDA.match(words[0]) else None
    return [*words, "-q"] if silenced else words


def split(line: str) -> list[str]:
    """Returns the words of a line as a shell splits it, or none if its quotes do not match."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def parse(words: list[str]) -> "Install | None":
    """Returns an :class:`Install`, or None if pip itself can run the words offline. Raises PipError."""
    words = list(words)
    leading = []
    while words and words[0].startswith("-"):
        leading.append(words.pop(0))
    verb = words.pop(0) if words else ""
    if verb == "uninstall":
        raise PipError(
            'packages of the image cannot be uninstalled, and what was installed goes with the sandbox: for a fresh one use "Shut Down Sandbox", '
            "then run the cells again. "
            'To have another version, install it: %pip install "name==1.2".'
        )
    if verb in ("download", "wheel"):
        raise PipError("a sandbox has no network; pip install works, as its packages are fetched outside.")
    if verb != "install" or {"-h", "--help"} & {*leading, *words}:
        return None
    install = Install()
    _read([*leading, *words], install)
    if not install.requirements:
        raise PipError("name the packages to install: %pip install six")
    return install


def _read(words, install):
    words = iter(words)
    for word in words:
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if re.match(r"-[rcetif]\S", word):
            name, equals, value = word[:2], "=", word[2:]
        if name in ("-r", "--requirement"):
            _read_file(value if equals else next(words, ""), install)
        elif name in _REFUSED:
            raise PipError(_REFUSED[name] % name)
        elif name in _PASSED:
            install.options.append(_PASSED[name])
        elif re.match(r"-q+\Z|--quiet\Z", name):
            install.quiet = True
        elif name in _HARMLESS_WITH_VALUE or name in _INDEX:
            ignored = install.ignored if name in _HARMLESS_WITH_VALUE else install.indexes
            ignored.append(word if equals else "%s %s" % (word, next(words, "")))
        elif name in _HARMLESS:
            install.ignored.append(word)
        elif word.startswith("-"):
            raise PipError("the option %s is not supported." % name)
        else:
            _add(word, install)


def _add(text, install):
    text = text.strip()
    if re.match(r"[a-z+]+://|[a-z]+\+|[.~/]", text) or re.search(r"\s@\s|[/\\]|\.(whl|zip|tar\.gz)\Z", text):
        raise PipError("%s is an address or a file: only packages of the package index can be installed." % text)
    requirement, semicolon, marker = text.partition(";")
    if not semicolon or _applies(marker.strip()):
        install.requirements.append(requirement.strip())


def _applies(marker):
    try:
        from pip._vendor.packaging.markers import InvalidMarker, Marker
    except ImportError:
        raise PipError("the condition %r cannot be evaluated here: leave it out." % marker) from None
    try:
        return Marker(marker).evaluate({"extra": ""})
    except InvalidMarker:
        raise PipError("the condition %r is not valid." % marker) from None


def _read_file(path, install, depth=0):
    """Reads a requirements file in the sandbox: names, versions, and ``-r``. Hashes are left out. Raises PipError."""
    try:
        with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
            text = file.read(_MAX_FILE_CHARS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise PipError(
            "%s cannot be read: %s" % (path or "the requirements file", getattr(error, "strerror", None) or error)
        ) from None
    if len(text) > _MAX_FILE_CHARS or depth > 10:
        raise PipError("%s is too long for a requirements file." % path)
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"(?:^|\s)#.*", "", line)
        line = re.sub(r"\s--hash[= ]\S+", "", line).strip()
        if re.match(r"(?:-r|--requirement)[\s=]*", line):
            below = re.sub(r"^(?:-r|--requirement)[\s=]*", "", line)
            _read_file(os.path.join(os.path.dirname(path), below), install, depth + 1)
        elif line.startswith("-"):
            _read(line.split(), install)
        elif line:
            _add(line, install)

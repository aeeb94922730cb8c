"""Programs that a cell starts with ``!`` and ``%%bash``. Their standard input is the kernel's own empty input, so none
waits for an answer that cannot come, and reading is noticed (``emptyinput.py``).
"""

import codecs
import contextlib
import fcntl
import functools
import os
import pty
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

from . import frames

_READ_BYTES = 64 * 1024
#: Seconds between two checks whether a program has ended while another process still holds its output open.
_LOOK_SECONDS = 0.05
#: Seconds that an interrupted program has to end by itself.
_GRACE_SECONDS = 1.0
#: Size of the terminal that a program writes to, the same as in IPython.
_ROWS, _COLUMNS = 24, 80
#: IPython pipes a script into the shell's stdin, where the script's own programs would read it. This program passes the
#: script as an argument instead. ``$0`` is the shell. An argument of a program has at most 128 KiB; a longer script is
#: read from stdin.
_SCRIPT = """\
[ $# -eq 0 ] || exec "$0" "$@"
script=$(cat)
if [ ${#script} -lt 30000 ] && [ -r /proc/$PPID/fd/0 ]; then exec "$0" -c "$script" "$0" </proc/$PPID/fd/0; fi
exec "$0" <<END
$script
END
"""
_SHELLS = ("bash", "sh")


def run(command: str, interrupts) -> int:
    """Runs a shell command with one terminal as stdout and stderr, and shows its output.

    An interrupt ends the program and not the cell. Returns the exit status, or minus the number of the signal that
    ended the program. Raises OSError if there is no shell.
    """
    shell_name = os.environ.get("SHELL", "sh")
    shell = shutil.which(shell_name)
    if shell is None:
        raise OSError('"%s" shell not found' % shell_name)
    terminal, theirs = os.openpty()
    process = None
    try:
        try:
            with interrupts.held():  # otherwise the new process could be lost
                try:
                    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", _ROWS, _COLUMNS, 0, 0))
                    process = subprocess.Popen(
                        [shell, "-c", command], stdout=theirs, stderr=theirs, start_new_session=True
                    )
                finally:
                    os.close(theirs)
            _show(terminal, process)
        except KeyboardInterrupt:
            sys.stdout.write("^C\n")
            _signal(process, signal.SIGINT)
            with contextlib.suppress(KeyboardInterrupt):  # the user has interrupted again
                _show(terminal, process, _GRACE_SECONDS)
        finally:
            if process is not None and not _has_ended(process):
                _signal(process, signal.SIGKILL)
        status = process.wait()
    finally:
        os.close(terminal)
    return 128 - status if status > 128 else status


def output(command: str) -> tuple[str, int]:
    """Runs a shell command. Returns its stdout and stderr as text ("" if it is interrupted), and its exit status."""
    process = subprocess.Popen(
        command, shell=True, executable=os.environ.get("SHELL"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        return process.communicate()[0].decode("utf-8", "replace"), process.returncode
    except KeyboardInterrupt:
        print("^C")
        return "", -signal.SIGINT
    finally:
        if process.poll() is None:
            process.kill()


def let_terminals_read_nothing() -> None:
    """Keeps ``pty.spawn`` from reading the empty input. It passes on what is typed, which is nothing here, and the read
    would be reported.
    """
    empty = os.fstat(0)

    def read(fd):
        return b"" if os.path.samestat(os.fstat(fd), empty) else os.read(fd, 1024)

    pty.spawn.__defaults__ = (pty._read, read)


def configure(config) -> None:
    """Sets how ``%%bash`` and ``%%sh`` start their shell."""
    config.ScriptMagics.script_paths = {
        name: shlex.join(["sh", "-c", _SCRIPT, name]) for name in _SHELLS if shutil.which(name)
    }


def watch_scripts(shell, network) -> None:
    """Makes ``%%bash`` and ``%%sh`` report a failure to ``network`` (a :class:`Network`)."""
    for name in shell.config.ScriptMagics.script_paths:
        shell.register_magic_function(_watched(shell.find_cell_magic(name), network), "cell", name)


def _watched(magic, network):
    @functools.wraps(magic)
    @frames.passes_errors_on
    def run_script(line, cell):
        with network.watched():
            return magic(line, cell)

    return run_script


def document(shell) -> None:
    """Removes the wrapper script from the help text of ``%%bash`` and ``%%sh``."""
    for name, path in shell.config.ScriptMagics.script_paths.items():
        magic = shell.find_cell_magic(name)
        magic.__doc__ = (magic.__doc__ or "").replace(path, name)


def _show(terminal, process, seconds=None):
    """Shows the output until the program has ended and all its output is shown, or until ``seconds`` have passed."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    give_up = None if seconds is None else time.monotonic() + seconds
    open_ends = [terminal]
    while give_up is None or time.monotonic() < give_up:
        ended = _has_ended(process)
        if select.select(open_ends, [], [], 0 if ended else _LOOK_SECONDS)[0]:
            try:
                data = os.read(terminal, _READ_BYTES)
            except OSError:  # no process can write any more
                data, open_ends = b"", []
            sys.stdout.write(decoder.decode(data, final=not data))
            sys.stdout.flush()
        elif ended:
            return


def _has_ended(process):
    """Returns whether the process has ended. It does not use ``poll()``: an interrupt in the middle of that can leave a
    lock taken forever.
    """
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal(process, number):
    """Sends a signal to the program and to what it has started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass

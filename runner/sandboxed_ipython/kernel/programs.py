"""Programs that a cell starts by ``!`` and ``%%bash``. What they read is the kernel's own empty input, so that none waits for
an answer that cannot come, and that reading is seen (``emptyinput.py``)."""

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
#: Seconds between two looks whether a program has ended whose output something else still holds.
_LOOK = 0.05
#: Seconds that an interrupted program has to end by itself.
_GRACE = 1.0
#: Of the terminal that a program writes to; what IPython gives.
_ROWS, _COLUMNS = 24, 80
#: IPython pipes a script into the shell's stdin, where the script's own programs would read it. ``$0`` is the shell. An
#: argument of a program has at most 128 KiB; a longer script stays where it is.
_SCRIPT = """\
[ $# -eq 0 ] || exec "$0" "$@"
script=$(cat)
if [ ${#script} -lt 30000 ] && [ -r /proc/$PPID/fd/0 ]; then exec "$0" -c "$script" "$0" </proc/$PPID/fd/0; fi
exec "$0" <<END
$script
END
"""
_SHELLS = ("bash", "sh")


def run(command, interrupts):
    """Runs a shell command whose stdout and stderr are one terminal, and shows what it says; its exit status, or minus the
    signal that ended it. An interrupt ends the program and not the cell."""
    shell_name = os.environ.get("SHELL", "sh")
    shell = shutil.which(shell_name)
    if shell is None:
        raise OSError('"%s" shell not found' % shell_name)
    terminal, theirs = os.openpty()
    process = None
    try:
        try:
            with interrupts.held():  # or nobody would know of the process
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
            with contextlib.suppress(KeyboardInterrupt):  # pressed twice
                _show(terminal, process, _GRACE)
        finally:
            if process is not None and not _has_ended(process):
                _signal(process, signal.SIGKILL)
        status = process.wait()
    finally:
        os.close(terminal)
    return 128 - status if status > 128 else status


def output(command):
    """What a shell command says on stdout and stderr, nothing if it is interrupted, and its exit status."""
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


def let_terminals_read_nothing():
    """``pty.spawn`` hands on what is typed, which is nothing here: it does not have to read the empty input for that, which would be told."""
    empty = os.fstat(0)

    def read(fd):
        return b"" if os.path.samestat(os.fstat(fd), empty) else os.read(fd, 1024)

    pty.spawn.__defaults__ = (pty._read, read)


def configure(config):
    """How ``%%bash`` and ``%%sh`` start their shell."""
    config.ScriptMagics.script_paths = {
        name: shlex.join(["sh", "-c", _SCRIPT, name]) for name in _SHELLS if shutil.which(name)
    }


def watch_scripts(shell, network):
    """``%%bash`` and ``%%sh`` that fail tell ``network``."""
    for name in shell.config.ScriptMagics.script_paths:
        shell.register_magic_function(_watched(shell.find_cell_magic(name), network), "cell", name)


def _watched(magic, network):
    @functools.wraps(magic)
    @frames.passes_errors_on
    def run_script(line, cell):
        with network.watched():
            return magic(line, cell)

    return run_script


def document(shell):
    """``%%bash?`` speaks of bash, not of what is between."""
    for name, path in shell.config.ScriptMagics.script_paths.items():
        magic = shell.find_cell_magic(name)
        magic.__doc__ = (magic.__doc__ or "").replace(path, name)


def _show(terminal, process, seconds=None):
    """Until the program has ended and all that it said is shown, or ``seconds`` have passed."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    give_up = None if seconds is None else time.monotonic() + seconds
    open_ends = [terminal]
    while give_up is None or time.monotonic() < give_up:
        ended = _has_ended(process)
        if select.select(open_ends, [], [], 0 if ended else _LOOK)[0]:
            try:
                data = os.read(terminal, _READ_BYTES)
            except OSError:  # nobody can write any more
                data, open_ends = b"", []
            sys.stdout.write(decoder.decode(data, final=not data))
            sys.stdout.flush()
        elif ended:
            return


def _has_ended(process):
    """Not by ``poll()``: an interrupt in the middle of it can leave its lock taken for ever."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal(process, number):
    """To the program and what it has started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass

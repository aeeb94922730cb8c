"""Programs that a cell starts: what they read, what they show, and how they end."""

import time

import pytest


def notices(cell):
    return [notice["code"] for notice in cell.contents("notice")]


@pytest.mark.smoke
@pytest.mark.parametrize(
    "code",
    [
        "!cat",
        "lines = !cat\nassert lines == []",
        "!read x || true",
        "%%bash\nread x\ntrue",
        "%%sh\ncat",
        "import subprocess, sys\nassert subprocess.run([sys.executable, '-c', 'input()'], stderr=subprocess.DEVNULL).returncode == 1",
        "import os\nassert os.system('cat') == 0",
        "import os\nassert os.popen('cat /dev/stdin').read() == ''",
        "import sys\nassert sys.stdin.readline() == ''",
        "import os\nif os.fork() == 0:\n    os.read(0, 1)\n    os._exit(0)\nassert os.wait()[1] == 0",
    ],
)
def test_reading_stdin_finds_its_end_and_is_reported_in_the_cell(sandbox, code):
    cell = sandbox.run(code)
    assert cell.reply["status"] == "ok" and notices(cell) == ["StdinRead"]
    assert notices(sandbox.run("pass")) == []


def test_a_later_read_is_reported_in_the_cell_that_left_the_program_running(sandbox):
    first = sandbox.run("import subprocess\nprocess = subprocess.Popen('sleep 0.2; cat; touch read', shell=True)")
    give_up = time.monotonic() + 30
    while not sandbox.place.sh("ls read 2>/dev/null", check=False):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    assert notices(sandbox.run("pass")) == []
    assert [
        e["content"]["code"]
        for e in sandbox.stream.log
        if e["msg_type"] == "notice" and e["parent_header"]["msg_id"] == first.msg_id
    ] == ["StdinRead"]


@pytest.mark.parametrize(
    "code",
    [
        "!echo given | cat",
        "!cat < /dev/null",
        "%%bash\nif true; then cat <<END\nfrom the script\nEND\nfi",
        "%%bash -s one\necho $1",
        "import subprocess, sys\nsubprocess.run(['cat'], input=b'given')",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1)'])",
        "import multiprocessing as m\nwith m.get_context('fork').Pool(1) as p: print(p.map(abs, [-1]))",
        "lines = !ls",
        "import pty\nassert pty.spawn(['sh', '-c', 'echo said']) == 0",
        "print(1)",
    ],
)
def test_reading_something_else_is_not_reported(sandbox, code):
    cell = sandbox.run(code)
    assert cell.reply["status"] == "ok" and notices(cell) == []
    assert notices(sandbox.run("pass")) == []


def test_a_read_of_stdin_is_reported_even_if_the_kernel_dies(sandbox):
    cell = sandbox.run("import os\nos.read(0, 1)\nos._exit(3)")
    assert notices(cell) == ["StdinRead"] and cell.reply["failure"]["code"] == "KernelDied"


def test_nothing_can_be_written_into_stdin(sandbox):
    cell = sandbox.run(
        "import os\ntry: os.write(0, b'x')\nexcept OSError as e: print(type(e).__name__)\ntry: os.truncate('/proc/self/fd/0', 5)\nexcept OSError as e: print(type(e).__name__)"
    )
    assert cell.text() == "PermissionError\nPermissionError\n"
    assert sandbox.run("os.read(0, 10)").result == "b''"


def test_the_programs_of_a_script_do_not_read_the_script(sandbox):
    assert sandbox.run("%%bash\ncat\necho after").text() == "after\n"
    long = sandbox.run("%%bash\n: " + "x" * 200_000 + "\necho $0 ${#BASH_EXECUTION_STRING}")
    assert long.text() == "bash 0\n"  # too long for an argument, so done as IPython does it


def test_a_failing_script_is_reported_as_in_ipython(sandbox):
    cell = sandbox.run("%%bash\necho out\nno-such-command\nexit 3")
    assert cell.text() == "out\n" and "bash: line 2: no-such-command: command not found" in cell.text("stderr")
    assert cell.reply["ename"] == "CalledProcessError" and "exit status 3" in cell.reply["evalue"]
    assert "Run cells with bash in a subprocess" in sandbox.run("%%bash?").reply["payload"][0]["data"]["text/plain"]


def test_a_shell_line_writes_to_a_terminal_and_sets_the_exit_status(sandbox):
    cell = sandbox.run(
        """!python3 -c 'import os, sys; print(sys.stdin.isatty(), sys.stdout.isatty(), tuple(os.get_terminal_size(1)))'\n!exit 7\n_exit_code"""
    )
    assert cell.text().split("\r\n")[0] == "False True (80, 24)"
    assert cell.result == "7"
    assert sandbox.run("!kill -9 $$\n_exit_code").result == "-9"
    assert sandbox.run("lines = !printf 'ä\\nb' >&2; printf c\nlines").result == "['ä', 'bc']"


def test_a_shell_line_does_not_wait_for_programs_that_it_leaves_running(sandbox):
    assert sandbox.run("!sleep 100 & echo started", seconds=30).text() == "started\r\n"


@pytest.mark.parametrize(
    "command", ["sleep 0.5; echo begun; exec sleep 100", "trap '' INT; sleep 0.5; echo begun; sleep 100"]
)
def test_an_interrupt_ends_a_shell_line_and_not_the_cell(sandbox, command):
    msg_id = sandbox.send("!%s\nprint('goes on', _exit_code)" % command)
    sandbox.wait_text("begun")
    sandbox.interrupt(msg_id)
    cell = sandbox.finish(msg_id, seconds=30)
    assert cell.reply["status"] == "ok" and "^C\ngoes on -" in cell.text()


def test_an_interrupt_ends_a_line_whose_output_is_kept(sandbox):
    msg_id = sandbox.send("lines = !sleep 0.5; echo begun >/proc/$PPID/fd/1; exec sleep 100\nprint(list(lines))")
    sandbox.wait_text("begun")
    sandbox.interrupt(msg_id)
    assert "^C\n[]\n" in sandbox.finish(msg_id, seconds=30).text()


INTERPRETER = """
import os, subprocess, sys, tempfile
with tempfile.TemporaryDirectory() as folder:
    open(os.path.join(folder, "of_a_library.py"), "w").close()
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, os.environ["PYTHONPATH"]])
    done = subprocess.run([sys.executable, *subprocess._args_from_interpreter_flags(), "-c", "import of_a_library"], stderr=subprocess.PIPE)
    print(done.stderr.decode(), done.returncode)
"""


@pytest.mark.smoke
def test_helpers_that_libraries_start_with_the_kernels_flags_find_installed_packages(sandbox):
    assert sandbox.run(INTERPRETER).text() == " 0\n"
    assert sandbox.run("sys.flags.isolated, sys.flags.ignore_environment, sys.flags.no_user_site").result == "(0, 0, 0)"
    assert (
        sandbox.run("type(sys.flags).__name__, sys.flags[0] == sys.flags.debug, len(sys.flags) > 10").result
        == "('flags', True, True)"
    )


def test_helpers_do_not_import_modules_beside_the_notebook_in_place_of_pythons_own(sandbox):
    """Only Python 3.11 and later have a flag for this."""
    cell = sandbox.run(
        "import multiprocessing, os, sys\nopen('signal.py', 'w').write('1/0')\n"
        "if sys.version_info >= (3, 11):\n    with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(abs, [-1]))\nelse: print([1])"
    )
    assert (cell.text(), cell.text("stderr")) == ("[1]\n", "")

"""``%pip install`` and similar lines: what a line requests, and how a cell gets the answer. The test is the host."""

import sys
import time

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))

from sandboxed_ipython.kernel import pip_line


def asked(line):
    install = pip_line.parse(pip_line.split(line))
    return install and (install.requirements, install.options)


@pytest.mark.parametrize(
    ("line", "requirements", "options"),
    [
        ("install six", ["six"], []),
        ("install 'numpy >= 2, <3' pandas[excel]==2.* # plots", ["numpy >= 2, <3", "pandas[excel]==2.*"], []),
        ("install numpy>=2", ["numpy>=2"], []),
        ("install -U -q --no-deps --pre six", ["six"], ["upgrade", "no-deps", "pre"]),
        ("-q install --upgrade six", ["six"], ["upgrade"]),
        ("install --user --no-cache-dir --progress-bar off --retries=3 -y six", ["six"], []),
        ("install \"six; python_version < '3'\" toolz", ["toolz"], []),
        ("install \"six; python_version >= '3'\"", ["six"], []),
        ("install -i https://x.example six", ["six"], []),
        ("install --extra-index-url=https://x.example --trusted-host x.example -ihttps://y.example six", ["six"], []),
    ],
)
def test_an_install_consists_of_requirements_and_options(line, requirements, options):
    assert asked(line) == (requirements, options)


@pytest.mark.parametrize("line", ["list", "show six", "freeze", "check", "install --help", "--version"])
def test_commands_without_a_network_are_left_to_pip(line):
    assert asked(line) is None


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("install --no-index six", "set outside"),
        ("install -fhttps://x.example six", "set outside"),
        ("install -e .", "only wheels"),
        ("install git+https://x.example/y", "address or a file"),
        ("install ./six.whl", "address or a file"),
        ("install 'six @ https://x.example/six.whl'", "address or a file"),
        ("install --target=/tmp six", "own libraries"),
        ("install --frobnicate six", "--frobnicate is not supported"),
        ("install -r /no/such/file", "cannot be read"),
        ("install", "name the packages to install"),
        ("uninstall six", "fresh one"),
        ("download six", "no network"),
    ],
)
def test_an_impossible_line_is_refused_with_a_reason(line, word):
    with pytest.raises(pip_line.PipError, match=word):
        asked(line)


def test_a_requirements_file_is_read_with_the_files_that_it_includes(tmp_path):
    (tmp_path / "more.txt").write_text("toolz\n")
    (tmp_path / "r.txt").write_text(
        "# ours\nsix==1.17.0 \\\n  --hash=sha256:00\n-r more.txt\npandas ; python_version < '3'\n"
    )
    assert asked("install -r %s" % (tmp_path / "r.txt")) == (["six==1.17.0", "toolz"], [])


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("pip install six", ["install", "six"]),
        ("pip3.11 install six", ["install", "six"]),
        ("%s -m pip install six" % sys.executable, ["install", "six"]),
        ("python3 -m pip list", ["list"]),
        ("uv pip install six", ["install", "six"]),
        ("pip install six 2>&1 >/dev/null", ["install", "six", "-q"]),
        ("pip install 'a;b'", ["install", "a;b"]),
        ("conda install -y six", ["conda", "install", "-y", "six"]),
        ("pip install six && echo done", None),
        ("pip install six | tail -1", None),
        ("echo pip install six", None),
        ("pip install 'six", None),
    ],
)
def test_a_shell_line_is_taken_for_pip_if_it_is_a_single_call_of_pip(command, words):
    assert pip_line.of_shell(command) == words


# ------------------------------------------------------------------------------------------------ over a supervisor


def request(sandbox):
    return sandbox.stream.wait(lambda event: event["msg_type"] == "install_request")["content"]


def say(sandbox, asked, text):
    sandbox.stream.send("install_output", {"request": asked["request"], "text": text}, "stdin")


def reply(sandbox, asked, status="ok", reason=""):
    sandbox.stream.send("install_reply", {"request": asked["request"], "status": status, "reason": reason}, "stdin")


@pytest.mark.smoke
@pytest.mark.parametrize(
    "line",
    [
        "%pip install -U six",
        "!pip install -U six",
        "!pip3 install -U six",
        "!{sys.executable} -m pip install --upgrade six",
        "%uv pip install -U six",
    ],
)
def test_an_install_is_requested_and_its_output_is_shown_as_it_comes(sandbox, line):
    msg_id = sandbox.send("import sys\n%s\nprint('after')" % line)
    asked = request(sandbox)
    assert (asked["requirements"], asked["options"]) == (["six"], ["upgrade"])
    say(sandbox, asked, "Collecting six\n")
    sandbox.wait_text("Collecting six")
    say(sandbox, asked, "Successfully installed six-1.17.0\n")
    reply(sandbox, asked)
    cell = sandbox.finish(msg_id)
    assert cell.reply["status"] == "ok" and cell.text() == "Collecting six\nSuccessfully installed six-1.17.0\nafter\n"


def test_another_index_is_ignored_with_a_message_and_the_install_continues(sandbox):
    msg_id = sandbox.send("!pip install -q -i https://x.example/simple --trusted-host x.example six")
    asked = request(sandbox)
    assert (asked["requirements"], asked["options"]) == (["six"], [])
    reply(sandbox, asked)
    text = "Ignored: -i https://x.example/simple --trusted-host x.example (packages come from the package index that is set outside of the sandbox)\n"
    assert sandbox.finish(msg_id).text() == text


def test_packages_that_were_imported_before_the_install_are_named(sandbox):
    msg_id = sandbox.send("import json\n%pip install -q json")
    asked = request(sandbox)
    say(sandbox, asked, "Successfully installed json-2.0 six-1.17.0\n")
    reply(sandbox, asked)
    assert sandbox.finish(msg_id).text() == "Imported before: json. Restart the kernel to use what was installed.\n"


def test_a_failing_magic_fails_the_cell_with_the_reason(sandbox):
    msg_id = sandbox.send("%pip install sixx\nprint('after')")
    reply(sandbox, request(sandbox), "error", "No matching distribution found for sixx")
    cell = sandbox.finish(msg_id)
    assert (cell.reply["ename"], cell.reply["evalue"], cell.text()) == (
        "InstallFailed",
        "No matching distribution found for sixx",
        "",
    )
    assert len(cell.contents("error")[0]["traceback"]) == 1


def test_a_failing_shell_line_sets_its_exit_code_and_the_cell_continues(sandbox):
    msg_id = sandbox.send("!pip install sixx\n_exit_code")
    reply(sandbox, request(sandbox), "error", "No matching distribution found for sixx")
    cell = sandbox.finish(msg_id)
    assert (cell.result, cell.text("stderr")) == ("1", "ERROR: No matching distribution found for sixx\n")


def test_an_interrupt_ends_the_wait(sandbox):
    msg_id = sandbox.send("%pip install six")
    asked = request(sandbox)
    sandbox.interrupt(msg_id)
    assert sandbox.finish(msg_id).reply["ename"] == "KeyboardInterrupt"
    say(sandbox, asked, "late\n")
    reply(sandbox, asked)
    assert sandbox.run("1").result == "1"


def test_an_install_does_not_count_against_the_time_limit(sandbox):
    msg_id = sandbox.send("%pip install six\nimport time; time.sleep(60)", timeout=1)
    asked = request(sandbox)

    time.sleep(1.6)
    assert not any(
        event["msg_type"] == "execute_reply" and event["parent_header"]["msg_id"] == msg_id
        for event in sandbox.stream.log
    )
    reply(sandbox, asked)
    assert sandbox.finish(msg_id).reply["failure"]["code"] == "TimedOut"


def test_an_install_fails_at_once_if_the_sender_of_the_cell_answers_nothing(sandbox):
    assert sandbox.run("%pip install six", allow_stdin=False).reply["ename"] == "InstallFailed"
    sandbox.drop("pip.json", {"header": {"msg_id": "dropped-pip"}, "content": {"code": "%pip install six"}})
    assert sandbox.result("dropped-pip")["content"]["ename"] == "InstallFailed"


@pytest.mark.parametrize(
    "line",
    ["%conda install six", "!conda install six", "%pip install -f https://x.example six", "%pip uninstall -y six"],
)
def test_an_impossible_install_is_refused_at_once(sandbox, line):
    cell = sandbox.run(line)
    said = cell.reply["evalue"] + cell.text("stderr")
    assert ("%pip install" in said or "set outside" in said) and not cell.contents("install_request")


def test_pip_fails_fast_without_a_network_when_it_is_called_directly(sandbox):
    assert "pip" in sandbox.run("%pip --version").text()
    cell = sandbox.run(
        "import subprocess, sys\ndone = subprocess.run([sys.executable, '-I', '-m', 'pip', 'install', 'six-seven'], capture_output=True, text=True)\ndone.returncode, done.stdout + done.stderr",
        seconds=30,
    )
    assert cell.result.startswith("(1,") and "%pip-install" in cell.result

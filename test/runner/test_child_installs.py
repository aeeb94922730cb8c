"""``pip install`` in processes that a cell has started is requested like the cell's own installs. The test is the host."""

import pytest
from test_installs import reply, request, say

pytestmark = pytest.mark.container  # its shells have the runner's pip

MODULE = "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', '-U', 'six'])"


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (MODULE, "Collecting six\nSuccessfully installed six-1.17.0\n"),
        (
            "import os\nassert os.system('pip install -U six') == 0",
            "Collecting six\nSuccessfully installed six-1.17.0\n",
        ),
        ("%%bash\npip3 install -U six\necho after", "Collecting six\nSuccessfully installed six-1.17.0\nafter\n"),
        ("!pip install -U six && echo after", "Collecting six\r\nSuccessfully installed six-1.17.0\r\nafter\r\n"),
        ("!python3 -m pip install -U six | tail -1", "Successfully installed six-1.17.0\r\n"),
        ("!pip install -q -U six; echo after", "after\r\n"),
    ],
)
def test_an_install_is_requested_and_shown(sandbox, code, shown):
    msg_id = sandbox.send(code)
    asked = request(sandbox)
    assert (asked["requirements"], asked["options"]) == (["six"], ["upgrade"])
    say(sandbox, asked, "Collecting six\n")
    say(sandbox, asked, "Successfully installed six-1.17.0\n")
    reply(sandbox, asked)
    cell = sandbox.finish(msg_id)
    assert (cell.reply["status"], cell.text(), cell.text("stderr")) == ("ok", shown, "")


def test_a_failed_install_ends_the_process_with_its_reason_and_status(sandbox):
    msg_id = sandbox.send("!pip install sixx && echo installed\n_exit_code")
    reply(sandbox, request(sandbox), "error", "No matching distribution found for sixx")
    cell = sandbox.finish(msg_id)
    assert (cell.result, cell.text()) == ("1", "ERROR: No matching distribution found for sixx\r\n")


@pytest.mark.parametrize(
    "words", ["install git+https://x.example/y", "install --target=/tmp six", "uninstall -y six", "download six"]
)
def test_an_impossible_install_is_refused_without_a_request(sandbox, words):
    cell = sandbox.run("!pip %s; python3 -m pip %s" % (words, words))
    assert cell.text().count("ERROR: ") == 2 and not cell.contents("install_request")


def test_commands_without_a_network_run_the_images_own_pip(sandbox):
    cell = sandbox.run(
        "!python3 -m pip --version\n!pip --version\n!python3 -c 'import pip, pip._internal; print(pip.__version__ in pip.__file__ or pip.__file__)'",
        seconds=90,
    )
    first, second, file = cell.text().strip().split("\r\n")
    assert (
        first == second and "-packages/pip" in first and file.endswith("/pip/__init__.py") and "sandboxed" not in file
    )


def test_two_simultaneous_installs_are_requested_one_after_the_other(sandbox):
    msg_id = sandbox.send("%%bash\npip install six & pip install toolz & wait")
    first = request(sandbox)
    seen = len(sandbox.stream.log)
    say(sandbox, first, "Collecting\n")
    assert not any(event["msg_type"] == "install_request" for event in sandbox.stream.log[seen:])
    reply(sandbox, first)
    second = request(sandbox)
    assert {*first["requirements"], *second["requirements"]} == {"six", "toolz"} and first["request"] != second[
        "request"
    ]
    reply(sandbox, second)
    assert sandbox.finish(msg_id).reply["status"] == "ok"


def install_and_prompt(sandbox):
    """Runs a cell that opens both, in any order. Returns the content of the install request and the id of the prompt."""
    kinds = ("install_request", "input_request")
    asked = {
        event["msg_type"]: event["content"]
        for event in (sandbox.stream.wait(lambda event: event["msg_type"] in kinds) for _ in kinds)
    }
    return asked["install_request"], asked["input_request"]["request"]


def test_a_prompt_of_the_cell_itself_is_answered_during_an_install(sandbox):
    msg_id = sandbox.send(
        "import subprocess, sys\nprocess = subprocess.Popen([sys.executable, '-m', 'pip', 'install', 'six'])\nname = input('Name? ')\nprint(name, process.wait())"
    )
    install, prompt = install_and_prompt(sandbox)
    sandbox.answer("Ada", prompt)
    reply(sandbox, install)
    assert sandbox.finish(msg_id).text() == "Ada 0\n"


def test_an_interrupt_ends_the_wait(sandbox):
    msg_id = sandbox.send(MODULE)
    asked = request(sandbox)
    sandbox.interrupt(msg_id)
    cell = sandbox.finish(msg_id)
    assert cell.reply["ename"] == "KeyboardInterrupt" and "ERROR: " in cell.text("stderr")
    reply(sandbox, asked)
    assert sandbox.run("1").result == "1"


def test_after_an_interrupted_line_the_next_line_requests_its_install_at_once(sandbox):
    msg_id = sandbox.send("!pip install six && true\n!pip install toolz && true")
    request(sandbox)
    sandbox.interrupt(msg_id)
    asked = request(sandbox)
    assert asked["requirements"] == ["toolz"]
    reply(sandbox, asked)
    assert sandbox.finish(msg_id).reply["status"] == "ok"


def test_the_end_of_the_cell_ends_the_wait_of_a_process_that_it_left_running(sandbox):
    msg_id = sandbox.send(
        "import subprocess, sys, time\nprocess = subprocess.Popen([sys.executable, '-m', 'pip', 'install', 'six'], stderr=subprocess.PIPE, text=True)\ninput()"
    )
    sandbox.answer("", install_and_prompt(sandbox)[1])
    sandbox.finish(msg_id)
    assert (
        sandbox.run("process.communicate()[1], process.returncode").result
        == "('ERROR: the cell that requested it has ended.\\n', 1)"
    )


def test_the_time_limit_counts_while_a_process_of_the_cell_waits_for_an_install(sandbox):
    cell = sandbox.run(
        "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-m', 'pip', 'install', 'six'])\ntime.sleep(20)",
        timeout=2,
    )
    assert cell.reply["failure"]["code"] == "TimedOut"


def test_an_install_without_a_cell_or_with_a_sender_that_answers_nothing_fails_at_once(sandbox):
    cell = sandbox.run(MODULE, allow_stdin=False)
    assert cell.reply["ename"] == "CalledProcessError" and "installs no packages" in cell.text("stderr")
    sandbox.drop(
        "late.json",
        {
            "header": {"msg_id": "late", "msg_type": "install_request"},
            "content": {"requirements": ["six"], "options": []},
        },
    )
    assert "no cell is running" in sandbox.result("late")["content"]["reason"]


def test_installs_beyond_the_queue_limit_are_refused(sandbox):
    code = """
import glob, json, os, time
folder = os.environ["SANDBOXED_IPYTHON_QUEUE"]
for number in range(40):
    path = "%s/commands/many-%d" % (folder, number)
    open(path, "w").write(json.dumps({"header": {"msg_id": "many-%d" % number, "msg_type": "install_request"}, "content": {"requirements": ["six"], "options": []}}))
    os.rename(path, path + ".json")
give_up = time.monotonic() + 30
while len(glob.glob(folder + "/results/0-many-*")) < 40 - 17 and time.monotonic() < give_up: time.sleep(0.1)
"""
    cell = sandbox.run(code)
    assert len(cell.contents("install_request")) == 1
    reasons = [sandbox.result("many-%d" % number)["content"]["reason"] for number in range(40)]
    assert (
        reasons.count("too many installs are waiting."),
        reasons.count("the cell that requested it has ended."),
    ) == (23, 17)


def test_a_prompt_with_the_id_of_an_open_install_is_answered_separately(sandbox):
    code = "get_ipython().sandbox.send('input_request', {'prompt': 'Name? ', 'password': False, 'request': %r})\nprocess.wait()"
    msg_id = sandbox.send(
        "import subprocess, sys\nprocess = subprocess.Popen([sys.executable, '-m', 'pip', 'install', 'six'])\nexec(input())"
    )
    asked, prompt = install_and_prompt(sandbox)
    sandbox.answer(code % asked["request"], prompt)
    sandbox.answer("Ada", sandbox.stream.wait(lambda event: event["msg_type"] == "input_request")["content"]["request"])
    say(sandbox, asked, "Collecting six\n")
    reply(sandbox, asked)
    cell = sandbox.finish(msg_id)
    assert (cell.reply["status"], cell.text()) == ("ok", "Collecting six\n")


def test_a_later_host_learns_of_everything_that_a_cell_waits_for(sandbox):
    msg_id = sandbox.send(
        "import subprocess, sys\nprocess = subprocess.Popen([sys.executable, '-m', 'pip', 'install', 'six'])\ninput()\nprocess.wait()"
    )
    asked, prompt = install_and_prompt(sandbox)
    later = sandbox.attach(writer=False)
    kernel = later.hello["kernels"]["main"]
    later.close()
    assert (
        sorted(kernel["requests"]) == sorted([asked["request"], prompt]) and kernel["request"] == kernel["requests"][-1]
    )
    sandbox.answer("", prompt)
    reply(sandbox, asked)
    assert sandbox.finish(msg_id).result == "0"
    after = sandbox.attach(writer=False)
    assert after.hello["kernels"]["main"]["requests"] == []
    after.close()


FILL = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, '-m', 'pip', 'install', 'six'])
input()
try:
    with open(os.environ['SANDBOXED_IPYTHON_QUEUE'] + '/full', 'wb', buffering=0) as file:
        while True: file.write(bytes(4096))
except OSError: process.wait(20)
"""


def test_an_answer_reaches_the_process_even_if_a_cell_has_filled_the_queue(sandbox):
    msg_id = sandbox.send(FILL)
    asked, prompt = install_and_prompt(sandbox)
    sandbox.answer("", prompt)
    path = sandbox.place.home / ".interactive/full"
    sandbox.place.sh("until [ -s %s ] && [ $(df --output=avail %s | tail -1) = 0 ]; do sleep 0.1; done" % (path, path))
    say(sandbox, asked, "Collecting six\n" * 1000)
    reply(sandbox, asked)
    assert sandbox.finish(msg_id).reply["status"] == "ok"

"""The folder of commands: commands that another process drops there run too, and no garbage stops it."""

import time

import pytest


def command(code, msg_id, **content):
    return {
        "header": {"msg_id": msg_id, "msg_type": "execute_request"},
        "kernel": "main",
        "content": dict(content, code=code),
    }


@pytest.mark.smoke
def test_a_dropped_command_runs_and_has_a_result(sandbox):
    sandbox.run("x = 20")
    sandbox.drop("a.json", command("x + 1; y = x + 2", "dropped-1"))
    result = sandbox.result("dropped-1")
    assert result["msg_type"] == "execute_reply" and result["content"]["status"] == "ok"
    assert sandbox.run("y").result == "22"


def test_dropped_commands_run_in_order_of_arrival(sandbox):
    sandbox.run("seen = []")
    for index in range(5):
        sandbox.drop("%d.json" % (9 - index), command("seen.append(%d)" % index, "o%d-%d" % (index, time.time_ns())))
    time.sleep(0.5)
    assert sandbox.run("seen").result == "[0, 1, 2, 3, 4]"


def test_a_command_file_is_removed_when_it_is_picked_up(sandbox):
    sandbox.run("1")
    assert sandbox.place.sh("ls %s/commands" % sandbox.place.queue).strip() == ""


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[1]",
        b'"x"',
        b"null",
        b"[" * 200_000,
        b'{"header": {"msg_type": "no_such_type"}}',
        b'{"header": {}, "content": {"code": 5}}',
        b"\xff\xfe\x00",
    ],
)
def test_an_invalid_command_file_gets_an_error_as_its_result(sandbox, data):
    name = "bad%d" % time.time_ns()
    sandbox.drop(name + ".json", data)
    result = sandbox.result(name)
    assert result["msg_type"] == "refused" and result["content"]["code"] == "ProtocolViolation"
    assert sandbox.run("'next'").result == "'next'"


def test_half_a_file_under_a_temporary_name_is_not_touched(sandbox):
    sandbox.place.sh("printf '{\"header\"' > %s/commands/.half.json" % sandbox.place.queue)
    assert sandbox.run("1").result == "1"
    assert ".half.json" in sandbox.place.sh("ls -a %s/commands" % sandbox.place.queue)


@pytest.mark.parametrize("no_inotify", [False, True], ids=["announced", "polled"])
def test_a_file_that_is_being_written_under_its_final_name_runs_once_it_is_whole(new_sandbox, no_inotify):
    sandbox = new_sandbox(no_inotify=no_inotify, poll_interval=0.05)
    sandbox.run("n = 0")
    half = '{"header": {"msg_id": "slowly", "msg_type": "execute_request"},'
    sandbox.place.sh(
        "(printf '%%s' '%s'; sleep 1.5; printf '%%s' ' \"content\": {\"code\": \"n += 1\"}}') > %s/commands/slow.json"
        % (half, sandbox.place.queue)
    )
    assert sandbox.result("slowly")["content"]["status"] == "ok"
    assert sandbox.run("n").result == "1"


def test_a_file_that_is_never_finished_is_refused_when_the_folder_is_polled(new_sandbox):
    sandbox = new_sandbox(no_inotify=True, poll_interval=0.05)
    sandbox.drop("never.json", b'{"header": {"msg_id": "never"')
    assert sandbox.result("never")["content"]["code"] == "ProtocolViolation"
    assert sandbox.run("'next'").result == "'next'"


def test_links_fifos_and_folders_are_skipped(sandbox):
    sandbox.place.sh(
        "cd %s/commands && mkfifo fifo.json && ln -s /etc/passwd link.json && mkdir folder.json; ln -s . loop.json"
        % sandbox.place.queue
    )
    assert sandbox.run("1").result == "1"
    sandbox.place.sh("rm -rf %s/commands/*" % sandbox.place.queue)


def test_the_same_id_runs_once(sandbox):
    sandbox.run("n = 0")
    msg_id = "once-%d" % time.time_ns()
    for name in ("one.json", "two.json"):
        sandbox.drop(name, command("n += 1", msg_id))
    sandbox.result(msg_id)
    assert sandbox.run("n").result == "1"


def test_removing_the_queue_stops_no_later_cell(sandbox):
    cell = sandbox.run(
        "import shutil, os\nfor n in os.listdir('.interactive'): shutil.rmtree(os.path.join('.interactive', n), ignore_errors=True)\nprint('gone')"
    )
    assert cell.text() == "gone\n"
    for i in range(3):
        assert sandbox.run(str(i)).result == str(i)
    msg_id = "after-%d" % time.time_ns()
    sandbox.drop("a.json", command("1", msg_id))
    assert sandbox.result(msg_id)["content"]["status"] == "ok"


EXCHANGE = "import ctypes; os.mkdir('other'); ctypes.CDLL(None).renameat2(-100, b'commands', -100, b'other', 2)"


@pytest.mark.parametrize(
    "code",
    [
        EXCHANGE,
        EXCHANGE + "; shutil.rmtree('other')",
        "os.rename('commands', 'other'); os.symlink('other', 'commands')",
        "os.rename('commands', 'other'); open('commands', 'w').close()",
        "for _ in range(200): shutil.rmtree('commands', ignore_errors=True); os.makedirs('commands', exist_ok=True)",
    ],
    ids=["exchanged", "exchanged and removed", "a link", "a file", "again and again"],
)
def test_a_folder_that_replaces_the_commands_folder_is_watched(new_sandbox, code):
    sandbox = new_sandbox(poll_interval=60)
    sandbox.run(
        "import os, shutil; os.chdir('.interactive')\n" + code
    )  # the supervisor may be first to make the folder again, which is an error here
    for i in range(3):
        assert sandbox.run(str(i), seconds=10).result == str(i)
    sandbox.drop("a.json", command("1", "after-all"))
    assert sandbox.result("after-all")["content"]["status"] == "ok"


def test_without_inotify_the_queue_is_polled(new_sandbox):
    sandbox = new_sandbox(no_inotify=True, poll_interval=0.3)
    sandbox.run("1")
    times = []
    for i in range(8):
        start = time.monotonic()
        sandbox.run(str(i))
        times.append(time.monotonic() - start)
    assert max(times) > 0.1  # the command waits for the next scan
    assert sorted(times)[4] < 1.5


def test_without_inotify_a_command_that_a_cell_removed_still_runs(new_sandbox):
    sandbox = new_sandbox(no_inotify=True, poll_interval=0.5)
    sandbox.run(
        "import os, subprocess\nthief = subprocess.Popen('while true; do rm -f .interactive/commands/*.json; done', shell=True)"
    )
    assert sandbox.run("1 + 1").result == "2"
    sandbox.run("thief.kill()")


def test_a_cell_that_overwrites_the_log_does_not_stop_later_cells(sandbox):
    sandbox.run(
        "import glob\nfor p in glob.glob('.interactive/events/*'):\n    open(p, 'r+b').write(b'garbage\\n' * 10)"
    )
    assert sandbox.run("print('fine')").text() == "fine\n"
    sandbox.run("for p in glob.glob('.interactive/events/*'): open(p, 'w').close()")
    assert sandbox.run("print('fine')").reply["status"] == "ok"

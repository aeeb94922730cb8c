"""Where cells run, and what they are told about a path outside of the user's project."""

import pathlib
import sys

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))

from sandboxed_ipython.kernel import missing

HERE = {"folder": "proj/notebooks", "project": "proj"}


def at(sandbox, folder):
    return "'%s/%s'" % (sandbox.place.home, folder)


def test_cells_run_in_the_folder_that_the_host_names_and_it_holds_no_files_of_the_sandbox_itself(sandbox):
    cell = sandbox.run(
        "import os\nfrom pathlib import Path\nos.getcwd(), os.listdir(), str(_dh[0]) == os.getcwd(), [str(p) for p in Path('..').rglob('*')]",
        **HERE,
    )
    assert cell.result == "(%s, [], True, ['../notebooks'])" % at(sandbox, "proj/notebooks")
    assert sandbox.run("os.path.expanduser('~')").result == "'%s'" % sandbox.place.home


def test_a_folder_can_be_emptied_and_archived_by_its_cells(sandbox):
    sandbox.run("open('data.csv', 'w').write('1')\n%config Application.log_level", **HERE)
    assert (
        sandbox.run(
            "import shutil, zipfile\nzipfile.ZipFile(shutil.make_archive('../all', 'zip', '.')).namelist()", **HERE
        ).result
        == "['data.csv']"
    )
    assert (
        sandbox.run(
            "import os\nshutil.rmtree('../../proj'), os.path.exists('%s/proj')" % sandbox.place.home, **HERE
        ).result
        == "(None, False)"
    )
    assert sandbox.run("1 + 1", **HERE).result == "2"


def test_a_folder_that_a_cell_changes_to_is_kept_and_a_fresh_kernel_starts_in_the_notebooks_folder(sandbox):
    sandbox.run("%cd ..", **HERE)
    assert sandbox.run("import os; os.getcwd()", **HERE).result == at(sandbox, "proj")
    assert sandbox.run("os.getcwd()", **dict(HERE, folder="other")).result == at(sandbox, "proj"), (
        "the notebook was moved"
    )
    sandbox.reset()
    assert sandbox.run("import os; os.getcwd()").result == at(sandbox, "other"), (
        "before anybody says so again: completion knows the files there"
    )
    sandbox.reset(files="clear")
    assert sandbox.run("import os; os.getcwd(), os.path.exists('other')").result == "('%s', False)" % sandbox.place.home
    assert sandbox.run("os.getcwd()", **HERE).result == at(sandbox, "proj/notebooks")


def test_the_kernel_follows_a_notebook_that_is_moved(sandbox):
    sandbox.run("x = 1", **HERE)
    assert sandbox.run("import os; os.getcwd(), x", folder="proj/moved", project="proj").result == "(%s, 1)" % at(
        sandbox, "proj/moved"
    )
    sandbox.run("os.rmdir(os.getcwd())")
    assert sandbox.run("os.getcwd()", **HERE).result == at(sandbox, "proj/notebooks")


def test_cells_run_even_if_the_folder_cannot_be_made(sandbox):
    sandbox.run("import os; open('proj', 'w').close()")
    assert sandbox.run("os.getcwd()", **HERE).result == "'%s'" % sandbox.place.home
    sandbox.run("os.unlink('proj')")
    assert sandbox.run("os.getcwd()", **HERE).result == at(sandbox, "proj/notebooks")


def test_a_module_beside_the_notebook_is_found_by_child_processes_of_every_kind(sandbox):
    sandbox.run("%%writefile beside.py\ndef double(x): return 2 * x", **HERE)
    for method in ("fork", "spawn", "forkserver"):
        code = "import multiprocessing, beside\nwith multiprocessing.get_context('%s').Pool(1) as pool: print(pool.map(beside.double, [21]))"
        assert sandbox.run(code % method, **HERE).text() == "[42]\n"


def test_a_requirements_file_is_found_from_the_folder(sandbox):
    sandbox.run("%%writefile ../requirements.txt\nsix==1.17.0", **HERE)
    for line in ("%pip install -r ../requirements.txt", "!pip install -r ../requirements.txt"):
        msg_id = sandbox.send(line, **HERE)
        asked = sandbox.stream.wait(lambda event: event["msg_type"] == "install_request")["content"]
        sandbox.stream.send("install_reply", {"request": asked["request"], "status": "ok"}, "stdin")
        assert asked["requirements"] == ["six==1.17.0"] and sandbox.finish(msg_id).reply["status"] == "ok"


@pytest.mark.parametrize(
    "folder", [".interactive", "../x", "/etc", "a//b", "a/../../b", "a\0b", "\ud800", 3, "x" * 3000]
)
def test_no_host_can_name_one_of_the_sandboxs_own_folders(sandbox, folder):
    msg_id = sandbox.send("1", folder=folder)
    assert (
        sandbox.stream.wait(lambda e: e["msg_type"] == "refused" and e["parent_header"]["msg_id"] == msg_id)["content"][
            "code"
        ]
        == "ProtocolViolation"
    )


def told(cell):
    return [notice["params"] for notice in cell.contents("notice") if notice["code"] == "NotInProject"]


@pytest.mark.parametrize(
    "code, path",
    [
        ("open('/home/me/data.csv')", "/home/me/data.csv"),
        ("open(r'C:\\Users\\me\\data.csv')", "C:\\Users\\me\\data.csv"),
        ("open('../../data.csv')", "%(home)s/data.csv"),
        ("import pathlib; pathlib.Path('~/data.csv').expanduser().read_text()", "%(home)s/data.csv"),
        ("import os, pathlib; os.listdir(pathlib.Path('/data/2024'))", "/data/2024"),
        ("import os; os.chdir(b'/mnt/data')", "/mnt/data"),
        (
            "try: open('/content/x.csv')\nexcept OSError as error: raise ValueError('no data') from error",
            "/content/x.csv",
        ),
        ("await __import__('asyncio').sleep(0); open('/data/x')", "/data/x"),
        ("open('/data/' + 'x' * 200 + '/' + 'y' * 200)", "/data/" + "x" * 200 + "/" + "y" * 200),
        ("import subprocess; subprocess.run(['/data/no-such-program'])", "/data/no-such-program"),
        ("raise FileNotFoundError(2, 'none', '/data/' + 'x' * 5000)", "/data/" + "x" * 994),
    ],
)
def test_a_missing_path_outside_of_the_project_is_reported(sandbox, code, path):
    cell = sandbox.run(code, **HERE)
    assert cell.reply["status"] == "error" and "missing" not in cell.reply
    assert told(cell) == [{"path": path % {"home": sandbox.place.home}, "project": "proj"}]


@pytest.mark.parametrize(
    "code",
    [
        "open('data.csv')",
        "open('../data/x.csv')",
        "open('/tmp/x')",
        "import subprocess; subprocess.run(['no-such-program'])",
        "import subprocess; subprocess.run(['/usr/bin/no-such-program'])",
        "import os, subprocess; os.chdir(os.path.expanduser('~')); subprocess.run(['no-such-program'])",
        "raise FileNotFoundError('/home/me/data.csv')",
        "raise ValueError(\"[Errno 2] No such file or directory: '/home/me/x'\")",
        "class E(FileNotFoundError):\n    filename = property(lambda self: 1 / 0)\nraise E(3)",
        "try: open('/home/me/data.csv')\nexcept OSError: print('I go on')",
    ],
)
def test_no_other_path_is_reported_and_none_without_an_error_that_names_it(sandbox, code):
    assert told(sandbox.run(code, **HERE)) == []


def test_no_path_is_reported_if_no_project_was_copied(sandbox):
    assert told(sandbox.run("open('/home/me/data.csv')", folder="proj")) == []


def test_a_path_object_that_a_cell_has_broken_names_no_file():
    path = pathlib.PosixPath("/home/me/data.csv")
    path._str = 3
    assert missing.path_of(FileNotFoundError(2, "none", path)) == ""
    assert missing.path_of(FileNotFoundError(2, "none", pathlib.PosixPath("/home/me/data.csv"))) == "/home/me/data.csv"

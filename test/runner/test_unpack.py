"""Files from the host: each arrives completely or not at all, whatever happens to the stream or the home."""

import json
import os
import subprocess
import sys

import pytest

UNPACK = os.path.join(os.path.dirname(__file__), "..", "..", "runner", "unpack.py")
END = bytes(4)
TAKEN_BACK = b"\xff" * 4


def frame(data):
    return len(data).to_bytes(4, "big") + data


def header(path, folder=False, modified=1_600_000_000.5, executable=False):
    return frame(json.dumps({"path": path, "folder": folder, "modified": modified, "executable": executable}).encode())


def file(path, *pieces, **more):
    return header(path, **more) + b"".join(frame(piece) for piece in pieces) + END


def unpack(home, stream):
    done = subprocess.run([sys.executable, "-I", UNPACK, str(home)], input=stream, capture_output=True, timeout=30)
    return done.returncode, json.loads(done.stdout)["failed"] if done.returncode == 0 else done.stderr.decode()


def test_files_and_folders_arrive_unchanged(tmp_path):
    binary = bytes(range(256)) * 5000
    stream = (
        file("a/ü\n.bin", binary[:1000], binary[1000:])
        + header("empty folder/in it", folder=True)
        + file("empty")
        + file("run.sh", b"x", executable=True)
        + END
    )
    assert unpack(tmp_path, stream) == (0, [])
    assert (tmp_path / "a" / "ü\n.bin").read_bytes() == binary
    assert (tmp_path / "a" / "ü\n.bin").stat().st_mtime == 1_600_000_000.5
    assert (tmp_path / "empty folder" / "in it").is_dir()
    assert (tmp_path / "empty").read_bytes() == b""
    assert os.access(tmp_path / "run.sh", os.X_OK) and not os.access(tmp_path / "empty", os.X_OK)


def test_a_withdrawn_file_leaves_the_old_file_in_place(tmp_path):
    (tmp_path / "kept").write_text("old")
    stream = header("kept") + frame(b"half") + TAKEN_BACK + header("new") + TAKEN_BACK + file("after", b"x") + END
    assert unpack(tmp_path, stream) == (0, [])
    assert sorted(os.listdir(tmp_path)) == ["after", "kept"]
    assert (tmp_path / "kept").read_text() == "old"


@pytest.mark.parametrize("cut", [1, 6, 90, -1])
def test_a_stream_that_is_cut_leaves_no_incomplete_file(tmp_path, cut):
    stream = file("data", b"x" * 100) + END
    code, _ = unpack(tmp_path, stream[:cut])
    assert code == 1
    assert os.listdir(tmp_path) == (["data"] if cut == -1 else [])


def test_an_obstacle_that_a_cell_has_made_is_reported_and_the_other_files_arrive(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.symlink("/nowhere", tmp_path / "link")
    (tmp_path / ".incoming-99999").write_text("of one that was killed")
    stream = (
        file("file/below", b"1")
        + file("folder", b"2")
        + file("pipe", b"3")
        + file("link", b"4")
        + header("file", folder=True)
        + file("n" * 300, b"5")
        + file("last", b"6")
        + END
    )
    code, failed = unpack(tmp_path, stream)
    assert (code, failed) == (0, [[0, "EEXIST"], [1, "EISDIR"], [4, "EEXIST"], [5, "ENAMETOOLONG"]])
    assert (
        (tmp_path / "pipe").read_text() == "3"
        and (tmp_path / "link").read_text() == "4"
        and (tmp_path / "last").read_text() == "6"
    )
    assert not (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "last", "link", "pipe"]


@pytest.mark.parametrize("path", ["../out", "/abs", "a/../../out", "", ".", "a//b", "nul\0"])
def test_no_path_leads_out_of_the_home(tmp_path, path):
    home = tmp_path / "home"
    home.mkdir()
    assert unpack(home, file(path, b"x") + header(path, folder=True) + END) == (0, [[0, "EINVAL"], [1, "EINVAL"]])
    assert os.listdir(tmp_path) == ["home"] and os.listdir(home) == []

"""Run in an installer container: pip, into the sandbox's volume of libraries. Nothing of the volume is ever imported here:
what a cell had installed must not gain the installer's network.

The volume holds ``<number>/``, a tree of one prefix, and ``current``, a link to the tree that counts. pip works on a copy made of
hard links, which becomes ``current`` when pip has succeeded: whatever ends an install, the trees that kernels see are whole.
"""

import argparse
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time

#: Exit statuses beside pip's own.
TOO_LARGE, NO_PIP = 75, 76
#: Seconds between looks at the size of the volume, and between words about it.
_LOOK, _WORD = 0.5, 5.0
#: Bytes that a file costs beside its blocks: without it a wheel of empty files would use up the disk's inodes.
_ENTRY = 1024
_PIP = "--be-pip"


def main(argv):
    """Exit status: 0, pip's, or one of ours."""
    options = _parse(argv)
    if importlib.util.find_spec("pip") is None:
        return NO_PIP
    os.umask(0o022)
    current = os.path.join(options.folder, "current")
    old = os.path.realpath(current) if os.path.islink(current) else None
    _sweep(options.folder, old)
    stage = os.path.join(options.folder, str(int(os.path.basename(old)) + 1 if old else 1))
    scratch = os.path.join(options.folder, "scratch")
    os.mkdir(scratch)
    try:
        _copy(old, stage)
        status = _install(options, stage, scratch)
        if status == 0:
            _publish(stage, current, scratch)
            stage = old
    finally:
        for folder in (stage, scratch):
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
    return status


def _parse(argv):
    parser = argparse.ArgumentParser(
        prog="installer", usage="%(prog)s --folder=FOLDER --limit=BYTES [--wheels=FOLDER] -- WORDS OF PIP INSTALL"
    )
    parser.add_argument("--folder", required=True)
    parser.add_argument("--limit", type=int, required=True, help="bytes of the whole volume")
    parser.add_argument("--wheels", default="", help="a folder of wheels that the index does not have; may be absent")
    end = argv.index("--")
    options = parser.parse_args(argv[:end])
    options.words = argv[end + 1 :]
    return options


def _sweep(folder, keep):
    """Removes what an install left that was ended."""
    for entry in list(os.scandir(folder)):
        if entry.path == keep or entry.name == "current":
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def _copy(old, stage):
    """pip replaces files and never writes into one, so the old tree stays as it is."""
    if old is None:
        os.mkdir(stage)
        os.mkdir(os.path.join(stage, "lib"))
        os.symlink("lib", os.path.join(stage, "lib64"))  # where some distributions have compiled modules
    else:
        shutil.copytree(old, stage, symlinks=True, copy_function=_link)
    for name in ("pip.conf", "pyvenv.cfg"):  # a package may bring any file; pip would take its index from the first
        path = os.path.join(stage, name)
        if os.path.lexists(path):
            os.unlink(path)
    with open(path, "w", encoding="ascii") as file:
        file.write("include-system-site-packages = true\n")


def _link(source, target, **_):
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _install(options, stage, scratch):
    env = dict(os.environ, TMPDIR=scratch, PYTHONUNBUFFERED="1")
    constraints = os.path.join(scratch, "constraints.txt")
    with open(constraints, "w", encoding="utf-8") as file:
        file.write(_kept())
    words = ["--constraint", constraints, *options.words]
    if os.path.isdir(options.wheels):
        words = ["--find-links", options.wheels, *words]
    process = subprocess.Popen(
        [sys.executable, "-I", os.path.abspath(__file__), _PIP, stage, *words], env=env, start_new_session=True
    )
    said, spoke = _size(options.folder), time.monotonic()
    pause = _LOOK
    while True:
        try:
            status = process.wait(pause)
            if status == 0 and _size(options.folder) > options.limit:
                return TOO_LARGE
            return status if status >= 0 else 128 - status
        except subprocess.TimeoutExpired:
            pass
        began = time.monotonic()
        size = _size(options.folder)
        now = time.monotonic()
        pause = min(max(_LOOK, 4 * (now - began)), _WORD)
        if size > options.limit:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return TOO_LARGE
        if now - spoke >= _WORD:
            if size >> 20 != said >> 20:
                print("  ... %d MB on disk" % (size >> 20), flush=True)
            said, spoke = size, now


def _kept():
    """The runner is tried with the IPython of its image, so no other one takes its place."""
    try:
        return "ipython==%s\n" % importlib.metadata.version("ipython")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _size(folder):
    """Bytes on disk below ``folder``, each file once however many links it has."""
    seen, total, folders = set(), 0, [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    if status.st_ino not in seen:
                        seen.add(status.st_ino)
                        total += status.st_blocks * 512 + _ENTRY
        except FileNotFoundError:
            continue  # pip's own temporary files come and go
    return total


def _publish(stage, current, scratch):
    link = os.path.join(scratch, "current")
    os.symlink(os.path.basename(stage), link)
    os.replace(link, current)


# ------------------------------------------------------------------------------------------------ in a process of its own


class _Unimportable(importlib.machinery.FileFinder):
    """A folder whose distributions pip sees (it asks for the type of the finder) and whose modules nobody can import."""

    def find_spec(self, *_):
        return None


def _be_pip(stage, words):
    """pip as in a virtual environment at ``stage`` over the image's Python: what the image has counts as installed and is left alone."""
    sys.prefix = sys.exec_prefix = stage
    for name in [name for name in sys.modules if name.partition(".")[0] in ("sysconfig", "distutils")]:
        del sys.modules[name]  # they keep the prefix that they were imported under
    import sysconfig

    site = sysconfig.get_path("purelib", "posix_prefix", {"base": stage, "platbase": stage})
    sys.path_importer_cache[site] = _Unimportable(site)
    sys.path.insert(0, site)
    from pip._internal.cli.main import main as pip

    return pip(
        [
            "install",
            "--prefix",
            stage,
            "--only-binary",
            ":all:",
            "--no-cache-dir",
            "--no-input",
            "--progress-bar",
            "off",
            "--disable-pip-version-check",
            "--no-warn-script-location",
            *words,
        ]
    )


if __name__ == "__main__":
    sys.exit(_be_pip(sys.argv[2], sys.argv[3:]) if sys.argv[1] == _PIP else main(sys.argv[1:]))

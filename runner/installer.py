"""Runs in an installer container: pip, into the sandbox's volume of libraries.

Nothing from the volume is ever imported here, because a package that a cell had installed must not get the installer's
network.

The volume holds ``<number>/``, a tree with one prefix, and ``current``, a link to the tree in use. pip works on a copy
that is made of hard links and that becomes ``current`` if pip succeeds. So the trees that kernels see are always
complete, however an install ends.
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

#: Exit statuses in addition to pip's own.
EXIT_TOO_LARGE, EXIT_NO_PIP = 75, 76
#: Seconds between two looks at the size of the volume, and between two lines about it.
_LOOK_SECONDS, _REPORT_SECONDS = 0.5, 5.0
#: Bytes that a file counts in addition to its blocks. Without them, a wheel of empty files could use up the disk's
#: inodes.
_FILE_BYTES = 1024
_PIP = "--be-pip"


def main(argv):
    """Runs the install. Returns the exit status: 0, pip's, or one of this module's."""
    options = _parse(argv)
    if importlib.util.find_spec("pip") is None:
        return EXIT_NO_PIP
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
    """Removes what an interrupted install has left."""
    for entry in list(os.scandir(folder)):
        if entry.path == keep or entry.name == "current":
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def _copy(old, stage):
    """Copies the old tree with hard links. pip replaces files and never writes into one, so the old tree stays as it
    is.
    """
    if old is None:
        os.mkdir(stage)
        os.mkdir(os.path.join(stage, "lib"))
        os.symlink("lib", os.path.join(stage, "lib64"))  # where some distributions install compiled modules
    else:
        shutil.copytree(old, stage, symlinks=True, copy_function=_link)
    # a package may contain any file; pip would read its index from the first one
    for name in ("pip.conf", "pyvenv.cfg"):
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
    reported_bytes, reported_at = _size(options.folder), time.monotonic()
    pause = _LOOK_SECONDS
    while True:
        try:
            status = process.wait(pause)
            if status == 0 and _size(options.folder) > options.limit:
                return EXIT_TOO_LARGE
            return status if status >= 0 else 128 - status
        except subprocess.TimeoutExpired:
            pass
        began = time.monotonic()
        size = _size(options.folder)
        now = time.monotonic()
        pause = min(max(_LOOK_SECONDS, 4 * (now - began)), _REPORT_SECONDS)
        if size > options.limit:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return EXIT_TOO_LARGE
        if now - reported_at >= _REPORT_SECONDS:
            if size >> 20 != reported_bytes >> 20:
                print("  ... %d MB on disk" % (size >> 20), flush=True)
            reported_bytes, reported_at = size, now


def _kept():
    """Returns pip's constraints: no other IPython replaces the one of the image, with which the runner was tested."""
    try:
        return "ipython==%s\n" % importlib.metadata.version("ipython")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _size(folder):
    """Returns the bytes on disk below ``folder``. Each file counts once, however many links it has."""
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
                        total += status.st_blocks * 512 + _FILE_BYTES
        except FileNotFoundError:
            continue  # pip's temporary files come and go
    return total


def _publish(stage, current, scratch):
    link = os.path.join(scratch, "current")
    os.symlink(os.path.basename(stage), link)
    os.replace(link, current)


# ------------------------------------------------------------------------------------------ the process that runs pip


class _Unimportable(importlib.machinery.FileFinder):
    """A folder whose distributions pip sees (it checks the type of the finder) and whose modules nobody can import."""

    def find_spec(self, *_):
        return None


def _be_pip(stage, words):
    """Runs pip as in a virtual environment at ``stage`` over the image's Python: what the image has counts as installed
    and is not changed.
    """
    sys.prefix = sys.exec_prefix = stage
    for name in [name for name in sys.modules if name.partition(".")[0] in ("sysconfig", "distutils")]:
        del sys.modules[name]  # these modules keep the prefix with which they were imported
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

"""Makes a wheel of a package that has only a source distribution ("sdist"), in two containers.

Building runs the package's own code, so it must not have a network; finding the source distribution needs one. So
``fetch REQUIREMENT`` runs in the installer's container and runs no code of any package: it writes a tar archive with the source
distribution (``sdist/``) and the wheels that its build needs (``wheels/``) to stdout. ``build`` runs in a container without a network,
volume or file of the user, as nobody: it reads that archive from stdin and writes the wheel's name, a line end and the wheel to stdout.
What pip and the build print goes to stderr.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

#: Exit status of ``fetch`` where the index has no source distribution either.
NO_SDIST = 77
#: Bytes of a source distribution, and of a `pyproject.toml`.
_MAX_SDIST_BYTES, _MAX_PYPROJECT_BYTES = 64 << 20, 1 << 20
_CHUNK_BYTES = 1 << 16
#: Seconds without a byte from the index.
_INDEX_TIMEOUT = 60
#: What a build without a ``[build-system]`` table needs (PEP 517), and what older setuptools ask for beside it.
_LEGACY_BUILD = ["setuptools", "wheel"]
_PIP_OPTIONS = ["--no-cache-dir", "--no-input", "--disable-pip-version-check"]


class Failure(Exception):
    """Its text is the reason that the user reads."""


# ------------------------------------------------------------------------------------------------------- with a network


def fetch(requirement):
    """``fetch``; exit status."""
    from pip._vendor.packaging.requirements import Requirement

    with tempfile.TemporaryDirectory() as folder:
        sdists, wheels = (os.path.join(folder, name) for name in ("sdist", "wheels"))
        os.mkdir(sdists)
        os.mkdir(wheels)
        sdist = _download(Requirement(requirement), sdists)
        if sdist is None:
            return NO_SDIST
        _download_wheels(_build_requirements(sdist), wheels)
        with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
            archive.add(sdists, "sdist")
            archive.add(wheels, "wheels")
    return 0


def _download(requirement, folder):
    """The newest source distribution that fits, as a file in ``folder``; None where the index has none. pip's own way to the index is used, with
    its proxy and certificates; ``pip download`` itself would run the package's code for its metadata."""
    from pip._internal.commands import create_command

    command = create_command("download")
    options, _ = command.parse_args([*_PIP_OPTIONS, "--no-binary", requirement.name, requirement.name])
    session = command._build_session(options, timeout=_INDEX_TIMEOUT)
    finder = command._build_package_finder(options, session)
    best = finder.find_best_candidate(requirement.name, requirement.specifier).best_candidate
    if best is None:
        return None
    link = best.link
    target = os.path.join(folder, os.path.basename(link.filename))
    digest = hashlib.new(link.hash_name) if link.hash_name else None
    response = session.get(link.url_without_fragment, headers={"Accept-Encoding": "identity"}, stream=True)
    response.raise_for_status()
    size = 0
    with open(target, "wb") as file:
        for chunk in response.iter_content(_CHUNK_BYTES):
            size += len(chunk)
            if size > _MAX_SDIST_BYTES:
                raise Failure("%s is over %d MB" % (link.filename, _MAX_SDIST_BYTES >> 20))
            if digest is not None:
                digest.update(chunk)
            file.write(chunk)
    if digest is not None and digest.hexdigest() != link.hash:
        raise Failure("%s is not the file that the index promises" % link.filename)
    return target


def _build_requirements(sdist):
    """Of the ``[build-system]`` table, names with versions: no address, path or option."""
    from pip._vendor.packaging.requirements import InvalidRequirement, Requirement

    text = _pyproject(sdist)
    try:
        declared = _toml(text).get("build-system", {}).get("requires")
    except ValueError as error:
        raise Failure("its pyproject.toml cannot be read: %s" % error) from None
    if declared is None:
        return _LEGACY_BUILD
    if not isinstance(declared, list):
        raise Failure("its pyproject.toml names no list of build requirements")
    found = []
    for one in declared:
        try:
            requirement = Requirement(str(one))
        except InvalidRequirement:
            raise Failure("its build needs %r, which is no name with versions" % str(one)[:100]) from None
        if requirement.url:
            raise Failure("its build needs a package from an address: %s" % requirement.name)
        found.append(str(requirement))
    return [*found, "wheel"]


def _pyproject(sdist):
    """The text of the source distribution's ``pyproject.toml``, empty where it has none. Nothing is unpacked."""

    def is_it(name):
        return name.count("/") == 1 and name.endswith("/pyproject.toml")

    try:
        if zipfile.is_zipfile(sdist):
            with zipfile.ZipFile(sdist) as archive:
                for name in archive.namelist():
                    if is_it(name):
                        with archive.open(name) as file:
                            return file.read(_MAX_PYPROJECT_BYTES).decode()
        else:
            with tarfile.open(sdist) as archive:
                for member in archive:
                    if member.isfile() and is_it(member.name):
                        return archive.extractfile(member).read(_MAX_PYPROJECT_BYTES).decode()
    except (OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise Failure("its source distribution cannot be read: %s" % error) from None
    return ""


def _toml(text):
    try:
        import tomllib  # Python 3.11
    except ImportError:
        try:
            from pip._vendor import tomli as tomllib
        except ImportError:
            from pip._vendor import toml as tomllib  # pip before 21.2
    return tomllib.loads(text)


def _download_wheels(requirements, folder):
    status = subprocess.call(
        [
            sys.executable,
            "-I",
            "-m",
            "pip",
            "download",
            *_PIP_OPTIONS,
            "--progress-bar",
            "off",
            "--only-binary",
            ":all:",
        ]
        + ["--dest", folder, "--", *requirements],
        stdout=sys.stderr,
    )
    if status != 0:
        raise Failure("what its build needs cannot be downloaded as wheels: %s" % ", ".join(requirements))


# ---------------------------------------------------------------------------------------------------- without a network


def build():
    """``build``; exit status. Everything that it reads and writes is in a temporary folder of this container, which nobody else uses."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
            for member in archive:
                archive.extract(member, folder)
        (sdist,) = os.listdir(os.path.join(folder, "sdist"))
        made = os.path.join(folder, "made")
        status = subprocess.call(
            [sys.executable, "-I", "-m", "pip", "wheel", *_PIP_OPTIONS, "--use-pep517", "--no-deps", "--no-index"]
            + [
                "--find-links",
                os.path.join(folder, "wheels"),
                "--wheel-dir",
                made,
                os.path.join(folder, "sdist", sdist),
            ],
            stdout=sys.stderr,
            env=dict(os.environ, HOME=folder, TMPDIR=folder),
        )
        if status != 0:
            return 1
        (wheel,) = os.listdir(made)
        sys.stdout.buffer.write(wheel.encode() + b"\n")
        with open(os.path.join(made, wheel), "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    return 0


def main(argv):
    """Exit status: 0, 1 with the reason as the last line of stderr, :data:`NO_SDIST`."""
    try:
        return fetch(argv[1]) if argv[0] == "fetch" else build()
    except Failure as failure:
        sys.stderr.write("ERROR: %s\n" % failure)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

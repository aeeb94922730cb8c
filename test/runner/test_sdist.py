"""What the build of a source distribution may ask for: names with versions, and nothing of it is run or unpacked to find out."""

import importlib.util
import io
import tarfile
import zipfile

import pytest
from sandbox import RUNNER


def _load():
    spec = importlib.util.spec_from_file_location("sdist", RUNNER / "sdist.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sdist = _load()


def archive_of(folder, files, kind="tar.gz"):
    path = folder / ("package-1.0." + kind)
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
    return str(path)


def requirements(folder, table, kind="tar.gz"):
    return sdist._build_requirements(archive_of(folder, {"package-1.0/pyproject.toml": table}, kind))


def test_a_package_without_a_table_is_built_by_setuptools(tmp_path):
    assert sdist._build_requirements(archive_of(tmp_path, {"package-1.0/setup.py": ""})) == ["setuptools", "wheel"]
    assert requirements(tmp_path, "[tool.black]\n") == ["setuptools", "wheel"]


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_what_the_table_names_is_asked_for(tmp_path, kind):
    assert (
        requirements(tmp_path, '[build-system]\nrequires = ["hatchling>=1.5", "wheel"]\n', kind)[0] == "hatchling>=1.5"
    )


def test_a_table_further_below_does_not_count(tmp_path):
    inner = {"package-1.0/vendored/pyproject.toml": '[build-system]\nrequires = ["evil"]\n'}
    assert sdist._build_requirements(archive_of(tmp_path, inner)) == ["setuptools", "wheel"]


@pytest.mark.parametrize(
    "requirement",
    [
        "evil @ http://192.0.2.1/evil.whl",
        "--index-url=http://192.0.2.1/",
        "-r /etc/passwd",
        "/etc/passwd",
        "../evil",
        "",
    ],
)
def test_an_address_a_path_or_an_option_is_refused(tmp_path, requirement):
    with pytest.raises(sdist.Failure, match="its build needs"):
        requirements(tmp_path, "[build-system]\nrequires = [%r]\n" % requirement)


@pytest.mark.parametrize("table", ["[build-system", '[build-system]\nrequires = "setuptools"\n'])
def test_a_table_that_cannot_be_read_is_a_failure_with_a_reason(tmp_path, table):
    with pytest.raises(sdist.Failure, match=r"pyproject\.toml"):
        requirements(tmp_path, table)


def test_a_file_that_is_no_archive_is_a_failure_with_a_reason(tmp_path):
    path = tmp_path / "package-1.0.tar.gz"
    path.write_bytes(b"no archive")
    with pytest.raises(sdist.Failure, match="cannot be read"):
        sdist._build_requirements(str(path))

"""Where the runner's tests run: in a hardened container if SANDBOX_IMAGE names its image, else as plain processes."""

import os

import pytest
from _pytest.runner import runtestprotocol
from container import ContainerPlace
from pinged import LatePing, Pinged
from sandbox import LocalPlace, Sandbox


def pytest_configure(config):
    config.addinivalue_line("markers", "container: needs the limits or the file systems of a real container")
    config.addinivalue_line(
        "markers",
        "alone: measures how soon the supervisor answers beside cells that take every processor, which no other suite may take meanwhile",
    )
    config.addinivalue_line(
        "markers", "smoke: the part that also runs on the Pythons between the oldest and the newest"
    )


def pytest_runtest_protocol(item, nextitem):
    """Runs a test again if a ping was late. The second result counts: what a supervisor does late, it does late again,
    but another program takes the processors at any time.
    """
    if "new_pinged" not in item.fixturenames:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if any(report.failed and LatePing.__name__ in report.longreprtext for report in reports):
        item.config.get_terminal_writer().line("\n%s: a ping was late, so the test runs again" % item.nodeid)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def make(**options):
    """Makes a sandbox with options of the runner or, in a container, of the container server."""
    image = os.environ.get("SANDBOX_IMAGE")
    return Sandbox(ContainerPlace(image, **options) if image else LocalPlace(**options))


@pytest.fixture
def new_sandbox():
    """Makes sandboxes with the given options. All of them are removed after the test."""
    made = []

    def new(**options):
        made.append(make(**options))
        return made[-1]

    yield new
    for sandbox in made:
        sandbox.close()


@pytest.fixture(scope="session")
def _shared():
    sandbox = make()
    yield sandbox
    sandbox.close()


@pytest.fixture
def sandbox(_shared):
    """One sandbox for all tests that leave it usable. Each test gets a fresh kernel and empty folders."""
    _shared.reset(files="clear")
    return _shared


@pytest.fixture
def new_pinged(new_sandbox, _shared):
    """Makes sandboxes for hostile cells, whose supervisors are pinged while the cells run (see ``pinged.py``)."""
    return lambda **options: Pinged(new_sandbox(**options), _shared)

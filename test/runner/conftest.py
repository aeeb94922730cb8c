"""Where the runner's tests run: in a hardened container (SANDBOX_IMAGE names its image), else as plain processes."""

import os

import pytest
from container import ContainerPlace
from pinged import Pinged
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


def make(**options):
    image = os.environ.get("SANDBOX_IMAGE")
    return Sandbox(ContainerPlace(image, **options) if image else LocalPlace(**options))


@pytest.fixture
def new_sandbox():
    """Makes sandboxes with options of their own; all are gone after the test."""
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
    """One sandbox for all tests that leave it usable, with a fresh kernel and empty folders for each."""
    _shared.reset(files="clear")
    return _shared


@pytest.fixture
def new_pinged(new_sandbox, _shared):
    """Makes sandboxes for hostile cells, each pinged beside them (see ``pinged.py``)."""
    return lambda **options: Pinged(new_sandbox(**options), _shared)

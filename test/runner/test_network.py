"""A cell gets a notice about the missing network if it failed because of that, and only then."""

import pytest

pytestmark = pytest.mark.container

PACKAGE = """
import sys, types
class ConnectionError(IOError): pass
def get(name):
    try: socket.create_connection((name, 443))
    except OSError as error: raise ConnectionError("no answer") from error
"""


def codes(cell):
    return [notice["code"] for notice in cell.contents("notice")]


@pytest.mark.smoke
@pytest.mark.parametrize(
    "code",
    [
        "import urllib.request\nurllib.request.urlopen('https://example.org/d.csv')",
        "import socket\nsocket.getaddrinfo('example.org', 443)",
        "import socket\nsocket.create_connection(('192.0.2.1', 443), timeout=3)",
        "import socket\n" + PACKAGE + "get('example.org')",
        "import socket\n" + PACKAGE + "get('192.0.2.1')",
        "import socket\ntry: socket.getaddrinfo('example.org', 443)\nexcept OSError: raise ValueError('none') from None",
        # like a frame of a compiled module, which has no instructions
        "import socket, sys, types\nerror = socket.gaierror(socket.EAI_AGAIN, 'none')\n"
        "error.__traceback__ = types.TracebackType(None, sys._getframe(), 10**6, 1)\nraise ValueError('none') from error",
        "import asyncio\nawait asyncio.open_connection('example.org', 443)",
        "import asyncio\nawait asyncio.open_connection('192.0.2.1', 443)",
        "import concurrent.futures, socket\nwith concurrent.futures.ThreadPoolExecutor() as pool: pool.submit(socket.getaddrinfo, 'example.org', 443).result()",
        "open('of_a_script.py', 'w').write('import socket; socket.getaddrinfo(\"example.org\", 443)')\n%run of_a_script.py",
    ],
)
def test_an_error_that_came_from_the_missing_network_is_reported(sandbox, code):
    cell = sandbox.run(code)
    assert cell.contents("error") and codes(cell) == ["NoNetwork"]
    assert cell.events[-2]["msg_type"] in ("notice", "status") and codes(sandbox.run("1 / 0")) == []


def test_a_group_of_errors_is_reported_because_of_one_of_them(sandbox):
    code = "import socket, sys\nerrors = []\ntry: socket.getaddrinfo('example.org', 443)\nexcept OSError as error: errors.append(error)\n"
    cell = sandbox.run(
        code + "raise ExceptionGroup('all failed', errors) if sys.version_info >= (3, 11) else errors[0]"
    )
    assert codes(cell) == ["NoNetwork"]


FAILS_TO_REACH = "python3 -c \"import socket; socket.getaddrinfo('example.org', 443)\" 2>/dev/null"


@pytest.mark.parametrize(
    "code", ["!" + FAILS_TO_REACH, "lines = !" + FAILS_TO_REACH, "%%bash\n" + FAILS_TO_REACH, "%%sh\n" + FAILS_TO_REACH]
)
def test_a_program_that_failed_after_trying_to_reach_an_address_is_reported(sandbox, code):
    assert codes(sandbox.run(code)) == ["NoNetwork"]


@pytest.mark.parametrize(
    "code",
    [
        "import socket\nraise socket.gaierror(socket.EAI_AGAIN, 'Temporary failure in name resolution')",
        "raise OSError(101, 'Network is unreachable')",
        "import socket\nsocket.create_connection(('127.0.0.1', 1))",
        "import socket\nsocket.getaddrinfo('127.0.0.1', 'no-such-service')",
        "import socket\ntry: socket.getaddrinfo('example.org', 443)\nexcept OSError: print('gone on')",
        "!%s; true" % FAILS_TO_REACH,
        "!false",
        "lines = !false",
        "%%bash\nfalse",
        "import socket, subprocess\ntry: socket.getaddrinfo('example.org', 443)\nexcept OSError: pass\nelse: 1/0\nfinally: get_ipython().system('false')",
        "class Mine(OSError):\n    @property\n    def __cause__(self): 1 / 0\n    def __bool__(self): 1 / 0\nraise Mine(101, 'mine')",
    ],
)
def test_a_failure_with_another_reason_is_not_reported(sandbox, code):
    assert codes(sandbox.run(code)) == []

"""What a cell does to the folders of the queue stops neither the supervisor nor the next cell."""

import pytest

NAMES = {
    "commands": "'.interactive/commands/.%d.json' % i",
    "results": "'.interactive/results/.%d-%s.json' % (i, get_ipython().parent_header['header']['msg_id'])",
}


@pytest.mark.parametrize("folder", ["commands", "results"])
def test_fifos_under_the_names_of_temporary_files_hold_up_nothing(new_pinged, folder):
    new_pinged().run("import os\nfor i in range(2000): os.mkfifo(%s)" % NAMES[folder])


def test_a_lease_on_a_dropped_file_holds_up_nothing(new_pinged):
    """Whoever opens a file under a lease waits until it is given up, by default 45 seconds."""
    pinged = new_pinged()
    code = """
import fcntl, os, signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
held = [os.open(".interactive/%d.json" % i, os.O_RDWR | os.O_CREAT) for i in range(5)]
for i, fd in enumerate(held):
    os.write(fd, b'{"content": {"code": "1"}}')
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    os.rename(".interactive/%d.json" % i, ".interactive/commands/held%d.json" % i)
"""
    assert pinged.run(code).reply["status"] == "ok"

"""The versions of Python and IPython on which these tests run."""

import os

import pytest


@pytest.mark.smoke
def test_the_kernel_has_the_version_that_the_run_is_for(sandbox):
    python, ipython = eval(sandbox.run("import sys, IPython; sys.version_info[:2], IPython.version_info[0]").result)
    assert "%d.%d" % python == os.environ.get("SANDBOX_PYTHON", "%d.%d" % python)
    assert ipython == (8 if python < (3, 11) else 9)
    assert sandbox.stream.hello["python"].startswith("%d.%d." % python) and sandbox.stream.hello["ipython"].startswith(
        "%d." % ipython
    )

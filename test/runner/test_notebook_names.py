"""What a notebook offers without an installation: plots, whatever backend is requested, and the names of ipykernel."""

import pytest

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


def images(cell):
    return [content for content in cell.contents("display_data") if "image/png" in content["data"]]


@pytest.mark.smoke
@pytest.mark.parametrize("gui", ["notebook", "nbagg", "tk", "qt", "widget", "webagg"])
def test_a_matplotlib_backend_that_is_not_available_leaves_figures_inline_with_a_message(sandbox, gui):
    cell = sandbox.run("%matplotlib " + gui, seconds=120)
    assert (cell.reply["status"], cell.reply["evalue"]) == ("ok", "")
    (line,) = cell.text("stdout").splitlines()
    assert line.startswith("%%matplotlib %s: figures are shown inline. " % gui)
    assert len(images(sandbox.run(PLOT, seconds=120))) == 1
    assert sandbox.run("%matplotlib inline").text("stdout") == ""


def test_pylab_shows_figures_inline_too(sandbox):
    assert "figures are shown inline" in sandbox.run("%pylab notebook", seconds=120).text("stdout")
    assert len(images(sandbox.run("plot(arange(3)); show()", seconds=120))) == 1


def test_matplotlib_keeps_its_backend_if_another_one_cannot_be_used(sandbox):
    for backend in ("nbagg", "TkAgg", "webagg"):
        cell = sandbox.run(
            "import matplotlib.pyplot as plt\nplt.plot([1]); plt.show()\nplt.switch_backend(%r)" % backend, seconds=120
        )
        assert cell.reply["ename"] in ("ImportError", "ModuleNotFoundError")
        assert len(images(sandbox.run(PLOT, seconds=120))) == 1
    assert "Jupyter's own page" in sandbox.run("plt.switch_backend('nbagg')").reply["evalue"]


def test_an_unknown_backend_is_an_error_and_changes_nothing(sandbox):
    sandbox.run(PLOT, seconds=120)
    assert sandbox.run("%matplotlib nonsense").reply["status"] == "error"
    assert len(images(sandbox.run(PLOT, seconds=120))) == 1


def test_comms_can_be_opened_by_the_name_of_ipykernel(sandbox):
    cell = sandbox.run(
        "from ipykernel.comm import Comm, CommManager\ncomm = Comm(target_name='chart', data={'a': 1})\ncomm.send({'b': 2})"
    )
    assert [event["content"]["data"] for event in cell.events if event["msg_type"] in ("comm_open", "comm_msg")] == [
        {"a": 1},
        {"b": 2},
    ]


def test_libraries_recognize_a_notebook_by_the_names_of_ipykernel(sandbox):
    assert (
        sandbox.run(
            "from ipykernel.zmqshell import ZMQInteractiveShell\nimport ipykernel\nisinstance(get_ipython(), ZMQInteractiveShell), ipykernel.version_info >= (6, 18)"
        ).result
        == "(True, True)"
    )
    assert (
        sandbox.run("get_ipython().__class__.__name__, 'IPKernelApp' in get_ipython().config").result
        == "('ZMQInteractiveShell', True)"
    )


def test_other_members_of_ipykernel_are_missing_with_a_reason(sandbox):
    assert "not ipykernel" in sandbox.run("import ipykernel; ipykernel.connect").reply["evalue"]
    assert sandbox.run("from ipykernel.kernelapp import IPKernelApp").reply["ename"] == "ModuleNotFoundError"


def test_an_installed_ipykernel_takes_precedence_and_opens_comms_of_this_kernel(sandbox):
    sandbox.run(
        "import pathlib, sys\n"
        "package = pathlib.Path('/tmp/site/ipykernel/comm'); package.mkdir(parents=True)\n"
        "(package.parent / '__init__.py').write_text('version_info = (7, 0)')\n"
        "(package / '__init__.py').write_text('class Comm: pass\\nclass CommManager: pass')\n"
        "sys.path.append('/tmp/site')"
    )
    cell = sandbox.run(
        "import ipykernel\nfrom ipykernel.comm import Comm\ncomm = Comm(target_name='chart')\nipykernel.version_info"
    )
    assert cell.result == "(7, 0)"
    assert len(cell.contents("comm_open")) == 1

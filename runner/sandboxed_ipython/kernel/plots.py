"""Matplotlib's backends: one that cannot be had here leaves figures inline, and a line says so."""

import importlib.abc
import importlib.util
import sys

from IPython.core.error import UsageError

from . import frames

#: Backends that load and whose figures nobody would see, and why.
_NOT_SHOWN = {
    "matplotlib.backends.backend_nbagg": "Matplotlib's nbagg draws with a script of Jupyter's own page, which this notebook does not have.",
    "matplotlib.backends.backend_webagg": "Matplotlib's webagg is a web server, and a sandbox has no network.",
}
#: Of a reason that is shown.
_REASON_CHARS = 300


@frames.passes_errors_on
def enable(shell, enable_matplotlib, gui):
    """``%matplotlib gui`` by IPython's ``enable_matplotlib``, which names a backend as the chosen one before it loads it: where that fails,
    the figures of all later cells would vanish without a word."""
    chosen = shell.pylab_gui_select
    try:
        if gui in ("widget", "ipympl") and importlib.util.find_spec("ipympl") is None:
            raise ImportError(
                "The package ipympl is not installed."
            )  # of which some versions of IPython say that no such backend is known
        return enable_matplotlib(gui)
    except (ImportError, UsageError) as error:
        if gui in (None, "inline") or getattr(error, "name", None) == "matplotlib":
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:_REASON_CHARS]
    shell.pylab_gui_select = chosen
    result = enable_matplotlib("inline")
    print("%%matplotlib %s: figures are shown inline. %s" % (gui, reason))
    return result


class _RefusedBackends(importlib.abc.MetaPathFinder):
    """``matplotlib.use()`` of such a backend fails with the reason, and leaves the one before."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname in _NOT_SHOWN:
            raise ImportError(_NOT_SHOWN[fullname], name=fullname)


def refuse_backends():
    sys.meta_path.insert(0, _RefusedBackends())

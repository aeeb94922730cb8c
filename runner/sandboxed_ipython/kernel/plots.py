"""Matplotlib's backends: if one is not available here, figures stay inline, and a printed line says so."""

import importlib.abc
import importlib.util
import sys

from IPython.core.error import UsageError

from . import frames

#: Backends that can be loaded but whose figures nobody would see, and the reason.
_NOT_SHOWN = {
    "matplotlib.backends.backend_nbagg": "Matplotlib's nbagg draws with a script of Jupyter's own page, which this notebook does not have.",
    "matplotlib.backends.backend_webagg": "Matplotlib's webagg is a web server, and a sandbox has no network.",
}
#: Characters of a reason that are shown.
_REASON_CHARS = 300


@frames.passes_errors_on
def enable(shell, enable_matplotlib, gui):
    """Runs ``%matplotlib gui``.

    IPython's ``enable_matplotlib`` records a backend as the chosen one before it loads the backend. If loading fails,
    the figures of all later cells would vanish without a message; this function then chooses the inline backend again.
    """
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
    """Makes ``matplotlib.use()`` of such a backend fail with the reason, and keep the former backend."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname in _NOT_SHOWN:
            raise ImportError(_NOT_SHOWN[fullname], name=fullname)


def refuse_backends() -> None:
    """Installs :class:`_RefusedBackends`."""
    sys.meta_path.insert(0, _RefusedBackends())

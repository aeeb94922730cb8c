"""``python -m pip`` in a process that a cell has started."""

import importlib
import os
import sys

_runner = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, _runner)
childpip = importlib.import_module("sandboxed_ipython.childpip")

sys.path.remove(_runner)
status = childpip.run(sys.argv[1:])
if status is None:
    from pip._internal.cli.main import main

    status = main()
sys.exit(status)

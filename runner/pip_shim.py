"""The ``pip`` of a sandbox's shells: it requests installs, and passes everything else on to the image's own pip."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sandboxed_ipython import childpip


def main(words):
    """Runs ``pip WORDS``. Returns the exit status of an install; otherwise the process becomes the image's own pip."""
    status = childpip.run(words)
    if status is not None:
        return status
    os.execv(sys.executable, [sys.executable, "-m", "pip", *words])
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``pip`` of a sandbox's shells: an install is asked for, all else is the image's own pip."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sandboxed_ipython import childpip


def main(words):
    status = childpip.run(words)
    if status is not None:
        return status
    os.execv(sys.executable, [sys.executable, "-m", "pip", *words])
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

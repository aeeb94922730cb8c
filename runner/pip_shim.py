"""``pip`` of a sandbox's shells, where a kernel cannot see what a line asks for: says what works instead of failing without a network."""

import os
import sys


def main(words):
    if any(word in ("install", "download", "wheel") for word in words):
        sys.stderr.write("ERROR: a sandbox has no network. Write the install in a line of its own: %pip install NAME\n")
        return 1
    os.execv(sys.executable, [sys.executable, "-m", "pip", *words])
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

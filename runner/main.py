"""The entry point of the container: ``python -I main.py [options]`` becomes the supervisor."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sandboxed_ipython.supervisor import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

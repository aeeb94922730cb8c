"""The limits of one sandbox, from the container's command line."""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Sizes are in bytes, times in seconds; the others are counts. docs/settings.md explains them."""

    memory_limit: int = 0
    log_budget: int = 64 * 1024 * 1024
    max_output: int = 10 * 1024 * 1024
    history_size: int = 1000
    poll_interval: float = 0.1
    lease: float = 1800.0
    #: 0: an idle sandbox never ends.
    idle: float = 0.0
    start_deadline: float = 20.0
    home: str = "/sandbox"
    queue: str = "/sandbox/.interactive"
    libraries: str = "/opt/sandboxed-ipython-libraries"
    #: The folder with the runner's own ``pip``, which is made together with the image.
    tools: str = "/opt/sandboxed-ipython/bin"
    socket: str = "sandboxed-ipython"
    no_inotify: bool = False


def parse(argv):
    """Returns the options from words like ``--name=value``. Exits with argparse's message if a word is wrong."""
    parser = argparse.ArgumentParser(prog="sandboxed-ipython")
    defaults = Options()
    for name, kind in Options.__annotations__.items():
        flag = "--" + name.replace("_", "-")
        if kind is bool:
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=kind, default=getattr(defaults, name))
    return Options(**vars(parser.parse_args(argv)))

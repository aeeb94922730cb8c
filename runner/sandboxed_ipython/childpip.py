"""``pip install`` in a process that a cell has started, from a shell or as ``python -m pip``.

The process requests the install by a file in the queue. The supervisor passes the request on like a request of a
kernel. A process is trusted no more than its cell, so its request is checked in the same way.
"""

import json
import os
import sys
import time
import uuid

from .kernel import pip_line

#: Environment variable with the path of the queue's folder, for the processes of a kernel.
QUEUE_VARIABLE = "SANDBOXED_IPYTHON_QUEUE"
#: Seconds between two looks for the answer, and seconds after which no answer will come.
_LOOK_SECONDS, _MAX_WAIT_SECONDS = 0.1, 2 * 3600.0


def run(words: list[str]) -> "int | None":
    """Runs ``pip WORDS``. Returns an exit status, or None if the image's own pip has to run it, which works without a
    network.
    """
    try:
        install = pip_line.parse(words)
        if install is None:
            return None
        for remark in install.remarks():
            print(remark, flush=True)
        answer = _ask(
            os.environ.get(QUEUE_VARIABLE, ""), {"requirements": install.requirements, "options": install.options}
        )
    except pip_line.PipError as error:
        print("ERROR: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ERROR: Operation cancelled by user", file=sys.stderr)
        return 130
    if not install.quiet:
        sys.stdout.write(answer["text"])
    if answer["status"] != "ok":
        print("ERROR: %s" % answer["reason"], file=sys.stderr)
        return 1
    return 0


def _ask(queue, content):
    """Returns the answer to a request. Raises PipError if there is none."""
    name = "pip-%s" % uuid.uuid4().hex
    path = os.path.join(queue, "commands", name)
    request = {"header": {"msg_id": name, "msg_type": "install_request"}, "content": content}
    try:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(request, file)
        os.rename(path + ".new", path + ".json")
    except OSError as error:
        raise pip_line.PipError(
            "this process cannot request an install (%s): write %%pip install in a separate line." % error.strerror
        ) from None
    give_up = time.monotonic() + _MAX_WAIT_SECONDS
    while time.monotonic() < give_up:
        try:
            with open(os.path.join(queue, "results", "0-%s.json" % name), encoding="utf-8") as file:
                return json.load(file)["content"]
        except FileNotFoundError:
            time.sleep(_LOOK_SECONDS)
    raise pip_line.PipError("there was no answer.")

"""Runs once while an image is made: checks that one cell answers, and that a plot gives ``image/png`` if Matplotlib is
installed.

The exit status is 0, or 1 with the reason as the last line of stderr.
"""

import importlib.util
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

DEADLINE_SECONDS = 120.0

PLOT = "import matplotlib.pyplot as _p; _p.plot([1, 2]); _p.show()"


def main():
    """Runs the test. Returns the reason why it failed, or None."""
    if sys.version_info < (3, 9):
        return "Python %d.%d is too old; 3.9 or newer is needed" % sys.version_info[:2]
    from sandboxed_ipython import zygote
    from sandboxed_ipython.options import Options
    from sandboxed_ipython.process import KernelProcess
    from sandboxed_ipython.reactor import Reactor

    reactor, seen, texts = Reactor(), [], []
    home = tempfile.mkdtemp()
    os.environ["MPLCONFIGDIR"] = home
    run_kernel = zygote.Zygote(Options(home=home)).run_kernel
    process = KernelProcess(
        reactor,
        run_kernel,
        lambda _, message: seen.append(message),
        lambda _, name, text: texts.append(text),
        lambda _: None,
    )

    def run(code):
        start = len(seen)
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "allow_stdin": False,
            "stop_on_error": True,
            "timeout": 0,
            "folder": "",
        }
        process.send({"msg_type": "execute_request", "parent_header": {"msg_id": "t"}, "content": content})
        give_up = time.monotonic() + DEADLINE_SECONDS
        while not any(_type(message) == "execute_reply" for message in seen[start:]):
            if time.monotonic() > give_up or process.has_ended():
                raise RuntimeError("the first cell does not answer: %s" % "".join(texts)[-500:])
            reactor.after(0.5, lambda: None)
            reactor.turn()
        return seen[start:]

    try:
        if not any(
            _type(message) == "execute_result" and message["content"]["data"].get("text/plain") == "2"
            for message in run("1 + 1")
        ):
            return "IPython does not answer 1 + 1"
        if importlib.util.find_spec("matplotlib"):
            messages = run(PLOT)
            if not any(_type(message) == "display_data" and _has_png(message) for message in messages):
                errors = [message["content"]["evalue"] for message in messages if _type(message) == "execute_reply"]
                return "matplotlib and matplotlib-inline do not fit together: a plot gives no image %s" % "".join(
                    errors
                )
    except (RuntimeError, OSError) as error:
        return str(error)
    finally:
        process.kill()
    return None


def _type(message):
    return message["msg_type"] if isinstance(message, dict) else message.about["msg_type"]


def _has_png(message):
    return not isinstance(message, dict) or "image/png" in message["content"]["data"]


if __name__ == "__main__":
    reason = main()
    if reason:
        sys.stderr.write(reason.replace("\n", " ") + "\n")
        sys.exit(1)

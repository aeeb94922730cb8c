"""The supervisor's precedence over the processes of cells, so that it still answers beside hundreds of busy processes.

Linux divides the processors of a sandbox among its processes and threads by their priorities. Among 512 equals on two
processors, the supervisor would get a 256th part of one processor: after one millisecond of work it would wait for a
quarter of a second. So processes of cells have a lower priority from the first instruction of their kernel on.
Everything they start inherits it, and no process of the sandbox may raise it again. In addition the supervisor takes
short turns, which come sooner. Other containers have a share of their own, so a cell that is alone with the supervisor
loses nothing.
"""

import os

from . import linux

#: Steps of ``nice`` by which processes of cells come after the supervisor. With 10 steps a process weighs a tenth of
#: the supervisor. More steps would cost a container a part of its share of a busy machine, because Linux divides that
#: share by the weights of the processes in the container.
NICE_STEPS = 10


def take() -> None:
    """Gives the supervisor short turns. Called once, in the supervisor. Its children take turns of the usual length.
    Does nothing where Linux knows no length of turns (before 6.12).
    """
    try:
        linux.set_turns(linux.MIN_TURN_NANOSECONDS)
    except OSError:
        pass  # an engine's profile or another kernel than Linux refuses; the priorities matter more


def yield_to_supervisor() -> None:
    """Lowers the priority of a process in which cells will run. Must be called before it starts a thread, because each
    thread has a priority of its own.
    """
    os.nice(NICE_STEPS)


def is_as_given(pid: int) -> bool:
    """Returns whether a process that was forked for cells still has its low priority, or is just about to take it.

    Raises OSError if there is no such process.
    """
    return os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0) in (0, NICE_STEPS)

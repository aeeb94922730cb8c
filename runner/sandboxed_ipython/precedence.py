"""The supervisor's precedence over the processes of cells, so that it answers beside hundreds of busy ones.

Linux divides the processors of a sandbox among its processes and threads by their priorities. Among 512 equals the supervisor would
get a 256th part of a processor, of which there are two: after one millisecond of work it would wait for a quarter of a second. So
processes of cells have a lower priority from their kernel's first instruction on, which whatever they start inherits and nobody here
may raise again. And the supervisor takes short turns, which come sooner. Other containers have a share of their own, so a cell that is
alone with the supervisor loses nothing by it.
"""

import os

from . import linux

#: Steps of ``nice`` by which processes of cells come after the supervisor: one of them weighs a tenth of it. More steps would cost a
#: container a part of its share of a machine that others keep busy, as Linux divides that share by the weights of what runs in it.
STEPS = 10


def take():
    """In the supervisor, once. What it forks takes turns of the usual length. Does nothing where Linux knows no length of turns (before 6.12)."""
    try:
        linux.set_turns(linux.SHORTEST_TURN_NANOSECONDS)
    except OSError:
        pass  # an engine's profile or another kernel than Linux refuses; the priorities do the most


def yield_to_supervisor():
    """In a process in which cells will run, before it starts a thread: each thread has a priority of its own."""
    os.nice(STEPS)


def is_as_given(pid):
    """Whether a process that was forked for cells still has the priority that it was given, or is just about to take it.

    Raises OSError if there is no such process.
    """
    return os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0) in (0, STEPS)

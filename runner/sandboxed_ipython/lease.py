"""How long a sandbox lives when nobody needs it."""

import logging
import time

log = logging.getLogger(__name__)

#: Exit status of a sandbox that nobody was attached to for too long, and of one that was not used for too long.
EXIT_LEASE = 75
EXIT_IDLE = 76


class Lease:
    """Two clocks, in seconds that the machine was awake.

    Without any host the sandbox ends after ``lease``; with or without one it ends when for ``idle`` seconds
    no cell ran and no command came (0: never). ``on_end`` is called once, with the exit status.
    """

    def __init__(self, reactor, lease, idle, is_busy, on_end):
        self._reactor = reactor
        self._lease = lease
        self._idle = idle
        self._is_busy = is_busy
        self._on_end = on_end
        self._leaving = None
        self._active = time.monotonic()
        if idle > 0:
            reactor.after(idle, self._on_rest)

    def hosts(self, number):
        """So many hosts are attached now."""
        if self._leaving:
            self._leaving.cancel()
            self._leaving = None
        if not number:
            self._leaving = self._reactor.after(self._lease, self._on_lease_end)

    def active(self):
        """Somebody wants something of the sandbox."""
        self._active = time.monotonic()

    def _on_lease_end(self):
        log.info("nobody has been here for %g s", self._lease)
        self._on_end(EXIT_LEASE)

    def _on_rest(self):
        if self._is_busy():
            self.active()
        left = self._active + self._idle - time.monotonic()
        if left > 0:
            self._reactor.after(left, self._on_rest)
            return
        log.info("nothing has been asked for %g s", self._idle)
        self._on_end(EXIT_IDLE)

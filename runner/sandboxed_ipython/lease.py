"""Ends a sandbox that nobody needs any more."""

import logging
import time

log = logging.getLogger(__name__)

#: Exit status of a sandbox that no host was attached to for too long, and of a sandbox that was not used for too long.
EXIT_LEASE = 75
EXIT_IDLE = 76


class Lease:
    """Two clocks, which count seconds while the machine is awake.

    Args:
        reactor: the supervisor's reactor.
        lease: seconds without any host after which the sandbox ends.
        idle: seconds without a running cell and without a command after which the sandbox ends, with or without a host;
            0: never.
        is_busy: ``is_busy()`` returns whether a cell runs.
        on_end: ``on_end(exit_status)`` is called once.
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
            reactor.after(idle, self._on_idle)

    def hosts(self, number: int) -> None:
        """Must be called with the number of attached hosts whenever it changes."""
        if self._leaving:
            self._leaving.cancel()
            self._leaving = None
        if not number:
            self._leaving = self._reactor.after(self._lease, self._on_lease_end)

    def active(self) -> None:
        """Must be called at each command: the idle time starts again."""
        self._active = time.monotonic()

    def _on_lease_end(self):
        log.info("no host has been attached for %g s", self._lease)
        self._on_end(EXIT_LEASE)

    def _on_idle(self):
        if self._is_busy():
            self.active()
        left = self._active + self._idle - time.monotonic()
        if left > 0:
            self._reactor.after(left, self._on_idle)
            return
        log.info("the sandbox has not been used for %g s", self._idle)
        self._on_end(EXIT_IDLE)

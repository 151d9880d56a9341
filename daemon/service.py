"""What systemd is told while the daemon runs, see sd_notify(3)."""

import time
from collections.abc import Callable

from daemon.notify import notify

INTERVAL_S = 1.0
STATUS_S = 5.0
"""A status line as often as this: the journal keeps each."""
EXTENSION_S = 15.0
LONGEST_START_S = 600.0
"""Beyond this a start counts as failed, however busy the machine is."""


class Service:
    """The service manager's view: starting, ready, alive, and how it is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started_s = clock()
        self._fed_s = self._told_s = float("-inf")

    def ask_for_time(self) -> None:
        """While it starts, each second: loading the networks may take longer than the unit allows."""
        if self._is_due() and self._clock() - self._started_s < LONGEST_START_S:
            notify(f"EXTEND_TIMEOUT_USEC={EXTENSION_S * 1e6:.0f}")

    def ready(self) -> None:
        notify("READY=1")

    def alive(self) -> None:
        """Feeds the watchdog, at most once a second."""
        if self._is_due():
            notify("WATCHDOG=1")

    def tell(self, summary: str) -> None:
        if self._clock() - self._told_s >= STATUS_S:
            self._told_s = self._clock()
            notify(f"STATUS={summary}")

    def reloading(self) -> None:
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        notify("STOPPING=1\nSTATUS=stopping")

    def _is_due(self) -> bool:
        if self._clock() - self._fed_s < INTERVAL_S:
            return False
        self._fed_s = self._clock()
        return True

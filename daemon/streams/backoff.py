"""When to try a failed camera again.

Nobody there: asked again every half second, for it costs next to nothing (see `knocking`) and whoever comes back is not
kept waiting. Somebody there who cannot serve: seldom and more seldom. Somebody who refuses: hardly ever.
"""

import math
import random
import time
from collections.abc import Callable

from daemon.messages import CameraState
from daemon.streams.faults import SourceError
from daemon.streams.knocking import KNOCK_S

FIRST_S = 0.5
LONGEST_S = 30.0
PATIENT: frozenset[CameraState] = frozenset({"auth_failed", "not_found", "unsupported"})
"""Only a person can mend these; asking often may lock the camera's account."""
PATIENT_FIRST_S = 60.0
PATIENT_LONGEST_S = 600.0
JITTER = 0.25
SETTLED_S = 10.0
"""A connection that held so long was a good one: the next failure is a first one."""
BOOT_S = 60.0
"""So long after its return, a camera may still be starting and not know its own streams."""


def retry_delay_s(state: CameraState, failures: int, chance: float) -> float:
    """Seconds until the next attempt: doubled with each failure, up to a bound.

    Args:
        state: how the last attempt ended.
        failures: attempts that have failed in a row, at least 1.
        chance: 0..1, random; spreads the cameras of a switch that comes back.
    """
    first, longest = (PATIENT_FIRST_S, PATIENT_LONGEST_S) if state in PATIENT else (FIRST_S, LONGEST_S)
    exponent = min(failures - 1, 16)  # beyond, every bound is reached
    delay: float = min(longest, first * 2**exponent)
    return delay * (1 + JITTER * chance)


class Retries:
    """The attempts at one camera: told how each goes, it says when the next is due."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._away = False
        self._began_s = clock()
        self._opened_s = math.inf
        self._trusted_until_s = -math.inf

    def began(self) -> None:
        """An attempt begins."""
        self._began_s, self._opened_s = self._clock(), math.inf

    def answered(self) -> None:
        """Somebody is at the camera's address. Whoever was away comes back without a past."""
        if self._away:
            self._away, self._failures = False, 0
            self._trusted_until_s = max(self._trusted_until_s, self._clock() + BOOT_S)

    def opened(self) -> None:
        """The camera streams: its address is right, whatever it may say later."""
        self._opened_s, self._trusted_until_s = self._clock(), math.inf

    def failed(self, fault: SourceError) -> float:
        """The attempt ended with this fault; returns the seconds to wait before the next."""
        now_s, chance = self._clock(), self._chance()
        if fault.away:
            self._away = True
            return max(0.0, self._began_s + KNOCK_S * (1 + JITTER * chance) - now_s)
        self._failures = 1 if now_s - self._opened_s > SETTLED_S else self._failures + 1
        # A restreamer whose source is down, and a camera that starts, have "no such stream" for a while.
        passing = fault.state == "not_found" and now_s < self._trusted_until_s
        return retry_delay_s("backoff" if passing else fault.state, self._failures, chance)

"""When to try a failed camera again."""

from daemon.messages import CameraState

FIRST_S = 1.0
LONGEST_S = 30.0
PATIENT: frozenset[CameraState] = frozenset({"auth_failed", "not_found", "unsupported"})
"""Only a person can mend these; asking often may lock the camera's account."""
PATIENT_FIRST_S = 60.0
PATIENT_LONGEST_S = 600.0
JITTER = 0.25


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

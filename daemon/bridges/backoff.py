"""When to try the other side again."""

FIRST_S = 1.0
LONGEST_S = 120.0


def retry_delay_s(failures: int, chance: float) -> float:
    """Seconds until the next try: 1, 2, 4 ... 120, and up to half of that less, so that bridges do not come together.

    Args:
        failures: tries that have failed in a row, at least 1.
        chance: 0..1, random.
    """
    delay_s: float = min(LONGEST_S, FIRST_S * 2 ** min(failures - 1, 16))
    return delay_s * (1 - chance / 2)

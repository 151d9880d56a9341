"""How often a client may ask."""

import time
from collections import OrderedDict
from collections.abc import Callable


class TokenBucket:
    """Holds up to `burst` tokens and gets `rate` new ones a second; each request takes one."""

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._filled_s = burst, now_s

    def take(self, now_s: float) -> bool:
        """Returns whether there was a token."""
        passed_s = max(0.0, now_s - self._filled_s)
        self._tokens = min(self._burst, self._tokens + passed_s * self._rate)
        self._filled_s = max(self._filled_s, now_s)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RateLimit:
    """A token bucket for each client, for so many of them as asked last."""

    def __init__(
        self, rate: float, burst: float, clients: int = 1024, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clients, self._clock = rate, burst, clients, clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def allows(self, client: str) -> bool:
        """Counts a request of this client; returns whether it is within the limit."""
        now_s = self._clock()
        bucket = self._buckets.get(client) or TokenBucket(self._rate, self._burst, now_s)
        self._buckets[client] = bucket
        self._buckets.move_to_end(client)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return bucket.take(now_s)

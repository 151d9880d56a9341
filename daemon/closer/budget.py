"""How much of the main stream may be decoded, so that it stays far cheaper than decoding all of it."""

SHARE = 0.1
"""Of the packets that arrive. With the small stream, which costs about a tenth of the main one, and with demuxing that
makes less than a quarter of what decoding the whole main stream costs."""
MOST_SAVED = 150
"""Packets: after a quiet time, some people who come together are all looked at more closely."""


class DecodeBudget:
    """Counts what comes and what is decoded, in packets; one thread earns, another spends."""

    def __init__(self, share: float = SHARE, most_saved: int = MOST_SAVED) -> None:
        self._share, self._most_saved = share, most_saved
        self._earned, self._spent = float(most_saved), 0

    @property
    def spent(self) -> int:
        return self._spent

    def earn(self) -> None:
        """A packet has come. What is not spent does not grow without bound."""
        self._earned = min(self._earned + self._share, self._spent + self._most_saved)

    def spend(self, packets: int) -> bool:
        """Takes so many, if there are as many; False if not."""
        if packets > self._earned - self._spent:
            return False
        self._spent += packets
        return True

"""How much of the main stream may be decoded, so that it stays far cheaper than decoding all of it."""

SHARE = 0.08
"""Of the packets that arrive. To receive them all takes about a sixth of what it takes to decode them, too: with this
much decoded, the main stream is to cost a quarter at most (`benchmarks/main_stream.py`)."""
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

"""What a bridge delivers, and what it asks of the other side."""

from collections.abc import Sequence
from dataclasses import dataclass
from ssl import SSLCertVerificationError
from typing import Protocol

import msgspec

from config.errors import DeconvIDError
from config.rules import Level
from daemon.rules import Sighting

ENVELOPE_VERSION = 1


class UnreachableError(DeconvIDError):
    """The other side cannot take anything now; it is worth another try. Nothing or only some of it was delivered."""

    def __init__(self, cause: str, retry_after_s: float = 0.0) -> None:
        super().__init__(cause)
        self.retry_after_s = retry_after_s
        """How long the other side wants to be left alone."""


class RefusedError(DeconvIDError):
    """The other side will never take this."""


def untrusted(error: SSLCertVerificationError) -> str:
    """Says why a certificate does not count, with the fix."""
    return f"its certificate is not trusted ({error.verify_message}). `ca_file` names who signed it"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    version: int = ENVELOPE_VERSION
    id: str
    """Epoch and sequence of the event: whoever gets it twice knows it by this."""
    bridge: str
    rules: tuple[str, ...]
    """The rules that let it pass; empty if the bridge has none."""
    level: Level
    event: msgspec.Raw
    """As it was published."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An event that is to be delivered."""

    id: str
    sequence: int
    kind: str
    camera: str | None
    body: bytes
    """The envelope as JSON."""


class Transport(Protocol):
    most_at_once: int
    """Parcels in one delivery."""

    def keep_up(self) -> None:
        """Called about once a second while nothing is to be delivered. Raises UnreachableError."""

    def deliver(self, parcels: Sequence[Parcel], seen: Sequence[Sighting]) -> None:
        """Returns when the other side has all of it.

        Args:
            parcels: at most `most_at_once`, in order.
            seen: all events of this stretch, whether a rule let them pass or not.

        Raises:
            UnreachableError: to be tried again.
            RefusedError: never to be tried again; only a transport that takes one at a time raises it.
        """

    def test(self) -> str:
        """Sends something that is no event; returns what happened. Raises UnreachableError or RefusedError."""

    def close(self) -> None: ...

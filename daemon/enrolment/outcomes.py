"""What becomes of a photo."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Refusal(StrEnum):
    """Why a photo is not taken."""

    UNREADABLE = "unreadable"
    NO_FACE = "no face"
    SEVERAL_FACES = "several faces"
    TOO_SMALL = "too small"
    LOW_QUALITY = "low quality"
    DUPLICATE = "duplicate"
    CONSENT_ENDED = "consent ended"
    """Nobody is recognised as this person any more, who is erased soon."""
    KNOWN = "known already"
    """This very file was taken before: what a second run of an import finds."""


@dataclass(frozen=True, slots=True)
class Accepted:
    name: str
    photo: Path
    quality: float
    is_odd: bool
    """None of the person's other photos resembles it: probably a photo of somebody else."""
    resembles: str | None
    """Name of another person whose face this seems to be: one of the two is probably enrolled wrongly."""


@dataclass(frozen=True, slots=True)
class Refused:
    name: str
    photo: Path
    reason: Refusal
    detail: str


Outcome = Accepted | Refused


def known_already(name: str, photo: Path) -> Refused:
    return Refused(name, photo, Refusal.KNOWN, "this person is enrolled with this file already")

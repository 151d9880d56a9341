"""Strangers as they go into the store and come out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

StrangerState = Literal["open", "ignored", "named", "merged"]

LABEL = "unknown-"
MOST_DIGITS = 18
"""So that it is a number for the database too."""


def label_of(stranger_id: int) -> str:
    """Returns how a stranger is called in events and commands.

    >>> label_of(12)
    'unknown-12'
    """
    return f"{LABEL}{stranger_id}"


def id_of(label: str) -> int | None:
    """Returns the id of `unknown-12` or `12`, None if it is neither."""
    number = label.removeprefix(LABEL)
    return int(number) if number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS else None


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """What one track showed of a face."""

    id: int
    embedding: NDArray[np.float32]
    """(D,) float32, L2 norm 1: the track's looks fused."""
    quality: float
    """0..1, of its best look."""
    camera: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ForeignLikeness:
    """A likeness that another model made."""

    id: int
    stranger: int
    crop: bytes
    """JPEG of the aligned crop; empty if it cannot be opened."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody without a name who may be recognised."""

    id: int
    state: Literal["open", "ignored"]
    first_seen: datetime
    last_seen: datetime
    sightings: int
    """Tracks."""
    likenesses: tuple[Likeness, ...]
    """At least one."""


@dataclass(frozen=True, slots=True)
class CrowdSnapshot:
    """The strangers with a likeness of one model, as of one revision."""

    revision: int
    strangers: Mapping[int, Stranger]
    newest: int
    """Highest id that was ever given to a stranger."""
    newest_likeness: int
    apart: frozenset[tuple[int, int]]
    """Pairs, the lower id first, who are two: an operator said so, or they were seen together."""


@dataclass(frozen=True, slots=True)
class CrowdChange:
    """How a crowd of one revision becomes the next one."""

    revision: int
    """The one that it changes."""
    model_digest: str
    written: tuple[Stranger, ...]
    """New, or with other columns."""
    added: Mapping[int, tuple[int, Likeness, bytes]]
    """By id of a new likeness: whose it is, and its crop."""
    moved: Mapping[int, tuple[int, int]]
    """By id of a likeness: whose it was, and whose it is now."""
    dropped: frozenset[int]
    """Ids of likenesses."""
    gone: Mapping[int, int | None]
    """Strangers who are no more: into whom they were merged, None: nobody, they are to be forgotten."""
    apart: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class StrangerEntry:
    """What is on record of a stranger, whatever the model."""

    id: int
    state: StrangerState
    first_seen: datetime
    last_seen: datetime
    sightings: int
    cameras: tuple[str, ...]
    """Of the likenesses that are kept, by name."""
    likenesses: int
    merged_into: int | None
    person: str | None
    """Who it turned out to be."""


@dataclass(frozen=True, slots=True)
class StrangerCrop:
    """A picture of a stranger."""

    likeness: int
    camera: str
    seen_at: datetime
    quality: float
    jpeg: bytes

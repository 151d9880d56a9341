"""What goes into the store and comes out of it."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    name: str
    created_at: datetime
    template_count: int
    consent_basis: str | None = None
    """Why the person may be recognised, in the operator's words."""
    consent_at: datetime | None = None
    expires_at: datetime | None = None
    """When the person is forgotten; None: never."""


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A face to remember."""

    embedding: NDArray[np.float32]
    """(D,) float32, L2 norm 1."""
    model_digest: str
    """Of the embedder; templates of different models are never compared."""
    quality: float
    crop: bytes
    """JPEG of the aligned 112x112 crop."""
    source: str
    """Name of the picture, without its folder."""
    source_digest: str | None = field(default=None, kw_only=True)
    """SHA-256 of the picture's file, if it came out of one."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Why a person may be recognised, and for how long."""

    basis: str | None
    """In the operator's words."""
    expires_at: datetime | None
    """When the person is forgotten; None: never."""
    given_at: datetime | None = None
    """None: now."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A face, and whose it is."""

    name: str
    template: NewTemplate
    consent: Consent | None = None
    """None: what is on record of the person stays."""


@dataclass(frozen=True, slots=True)
class Template(NewTemplate):
    id: int
    person_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ModelCoverage:
    """How much of what is stored one model made."""

    templates: int
    foreign_templates: int
    """Those of other models: they are not compared until they are embedded anew."""
    people_without: int
    """People all of whose templates are of other models."""


@dataclass(frozen=True, slots=True)
class GalleryNews:
    """Who changed since a revision."""

    revision: int
    """The newest."""
    people: list[int]
    """Ids; some of these people may be gone."""


@dataclass(frozen=True, slots=True)
class GallerySnapshot:
    """The people and the templates of one model, as of one revision."""

    revision: int
    people: dict[int, str]
    """Names by id, also of people without a template of this model."""
    person_ids: NDArray[np.int64]
    """(N,) int64, ascending."""
    embeddings: NDArray[np.float32]
    """(N, D) float32; (0, 0) if there are none."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    kind: str
    camera: str | None
    """None: an event of the whole daemon."""
    track: str | None
    person_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredEvent(NewEvent):
    sequence: int
    payload: str
    """JSON; of an erased person, without name and id."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; empty: all."""

    kinds: tuple[str, ...] = ()
    """Beginnings of kinds: `face.`, `camera.state`."""
    cameras: tuple[str, ...] = ()
    """Names. With any, events of the whole daemon are left out."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """A stretch of the event log."""

    oldest: int
    """Sequence of the oldest event that is kept; 0 if there never was one."""
    newest: int
    through: int
    """Sequence up to which this page tells everything: where the next one starts."""
    events: list[StoredEvent]

    @property
    def more(self) -> bool:
        return self.through < self.newest

"""What goes into the store and comes out of it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    name: str
    created_at: datetime
    template_count: int


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


@dataclass(frozen=True, slots=True)
class Template(NewTemplate):
    id: int
    person_id: int
    created_at: datetime


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
    camera: str
    track: str | None
    person_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredEvent(NewEvent):
    sequence: int
    payload: str
    """JSON as published; of an erased person, without name and id."""

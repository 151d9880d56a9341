"""From stored crops to templates of another model, and to likenesses of strangers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.enrolment.enrolling import FaceEmbedder
from daemon.store import Store
from daemon.store.records import Template
from daemon.store.stranger_records import ForeignLikeness
from engine import ImageError
from engine.photos import decode_photo

BATCH = 64
"""Templates that are embedded and committed together: what a kill costs at most."""

Row = TypeVar("Row", Template, ForeignLikeness)


class Kept(Protocol[Row]):
    """Where the store keeps embeddings, each with the crop that it was made of."""

    def of_other_models(self, model_digest: str, after_id: int, limit: int) -> list[Row]: ...

    def renew(self, renewed: Sequence[tuple[Row, NDArray[np.float32]]], model_digest: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one batch came to."""

    renewed: int
    unreadable: tuple[tuple[int, int], ...]
    """Whose each template or likeness is, and its id, whose crop cannot be opened or is no picture."""


def reembed(store: Store, embedder: FaceEmbedder) -> Iterator[Round]:
    """Gives every template of another model an embedding of this one, batch by batch; what is done stays done.

    Raises:
        StoreError: the store cannot be read or written.
    """
    return _rounds(store.templates, embedder, lambda template: template.person_id)


def reembed_strangers(store: Store, embedder: FaceEmbedder) -> Iterator[Round]:
    """Does the same for the likenesses of strangers: what was a track's looks fused is its best look alone then.

    Raises:
        StoreError: the store cannot be read or written.
    """
    return _rounds(store.likenesses, embedder, lambda likeness: likeness.stranger)


def _rounds(kept: Kept[Row], embedder: FaceEmbedder, owner: Callable[[Row], int]) -> Iterator[Round]:
    last_id = 0
    while rows := kept.of_other_models(embedder.digest, last_id, BATCH):
        last_id = rows[-1].id
        embeddings = embed_crops(embedder, [row.crop for row in rows])
        renewed = kept.renew(
            [(row, e) for row, e in zip(rows, embeddings, strict=True) if e is not None], embedder.digest
        )
        lost = tuple((owner(row), row.id) for row, e in zip(rows, embeddings, strict=True) if e is None)
        yield Round(renewed, lost)


def embed_crops(embedder: FaceEmbedder, crops: Sequence[bytes]) -> list[NDArray[np.float32] | None]:
    """Returns the embedding of each stored crop, None for one that is no picture."""
    pixels = [_decode(crop, embedder.size) for crop in crops]
    whole = [picture for picture in pixels if picture is not None]
    embeddings = iter(embedder.embed(np.stack(whole)) if whole else ())
    return [None if picture is None else next(embeddings) for picture in pixels]


def _decode(crop: bytes, size: int) -> NDArray[np.uint8] | None:
    """Returns (size, size, 3) uint8 BGR. A crop for another size shows the same part of the face, only scaled."""
    try:
        picture = decode_photo(crop, Path("crop"))
    except ImageError:
        return None
    if picture.shape[:2] != (size, size):
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    return picture

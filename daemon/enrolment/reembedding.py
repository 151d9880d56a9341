"""From stored crops to templates of another model, and to likenesses of strangers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.enrolment.enrolling import FaceEmbedder
from daemon.store import Store
from daemon.store.stranger_records import label_of
from engine import ImageError
from engine.photos import decode_photo

BATCH = 64
"""Templates that are embedded and committed together: what a kill costs at most."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one batch came to."""

    renewed: int
    unreadable: tuple[tuple[int, str], ...]
    """Id and source of each template, or id and label of each stranger, whose crop is no picture."""


def reembed(store: Store, embedder: FaceEmbedder) -> Iterator[Round]:
    """Gives every template of another model an embedding of this one, batch by batch; what is done stays done.

    Raises:
        StoreError: the store cannot be read or written.
    """
    last_id = 0
    while templates := store.templates.of_other_models(embedder.digest, last_id, BATCH):
        last_id = templates[-1].id
        embeddings = embed_crops(embedder, [template.crop for template in templates])
        whole = [(t, e) for t, e in zip(templates, embeddings, strict=True) if e is not None]
        renewed = store.templates.renew(whole, embedder.digest)
        lost = [t for t, e in zip(templates, embeddings, strict=True) if e is None]
        yield Round(renewed, tuple((t.person_id, t.source) for t in lost))


def reembed_strangers(store: Store, embedder: FaceEmbedder) -> Iterator[Round]:
    """Does the same for the likenesses of strangers: what was a track's looks fused is its best look alone then.

    Raises:
        StoreError: the store cannot be read or written.
    """
    last_id = 0
    while likenesses := store.likenesses.of_other_models(embedder.digest, last_id, BATCH):
        last_id = likenesses[-1].id
        embeddings = embed_crops(embedder, [likeness.crop for likeness in likenesses])
        whole = [(old, new) for old, new in zip(likenesses, embeddings, strict=True) if new is not None]
        renewed = store.likenesses.renew(whole, embedder.digest)
        lost = [old for old, new in zip(likenesses, embeddings, strict=True) if new is None]
        yield Round(renewed, tuple((old.stranger, label_of(old.stranger)) for old in lost))


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

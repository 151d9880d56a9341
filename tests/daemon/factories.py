"""Embeddings, templates and observations out of thin air."""

import time
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from daemon.messages import FaceObserved
from daemon.store import NewEvent, NewTemplate

MODEL = "a" * 64
DIMENSION = 64


def unit(seed: int) -> NDArray[np.float32]:
    """A direction of its own for each seed: two of them have a cosine near 0."""
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    direction: NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return direction


def towards(target: NDArray[np.float32], cosine: float, seed: int = 99) -> NDArray[np.float32]:
    """A direction with this cosine to the target."""
    other = unit(seed) - unit(seed) @ target * target
    mixed = cosine * target + (1 - cosine**2) ** 0.5 * other / np.linalg.norm(other)
    return mixed.astype(np.float32)


def make_template(embedding: NDArray[np.float32], model: str = MODEL, crop: bytes = b"crop") -> NewTemplate:
    return NewTemplate(embedding=embedding, model_digest=model, quality=0.9, crop=crop, source="photo.jpg")


def make_face(track: str, embedding: NDArray[np.float32], camera: str = "door", model: str = MODEL) -> FaceObserved:
    return FaceObserved(
        camera=camera,
        track=track,
        captured_ns=time.monotonic_ns(),
        captured_wall_ns=time.time_ns(),
        box=(10.0, 20.0, 50.0, 70.0),
        frame_size=(640, 480),
        quality=0.8,
        embedding=embedding.tobytes(),
        model=model,
    )


def make_event(person_id: int | None = None, track: str | None = "t1", kind: str = "face.identified") -> NewEvent:
    return NewEvent(kind=kind, camera="door", track=track, person_id=person_id, at=datetime.now(UTC))

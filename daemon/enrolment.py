"""From photos to templates: which photo is good enough to know a person by, and why another one is not."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.store import NewTemplate, Store
from engine import Faces, ImageError
from engine.photos import load_photo

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})

SMALLEST_FACE_PX = 40
"""Longer side of a face's box. A template is compared for years: it has to be better than a look of a camera."""
LEAST_QUALITY = 0.25
BYSTANDER = 0.5
"""Faces up to this fraction of the largest one's size are in the background, and do not make a photo ambiguous."""
SAME_PICTURE = 0.999
"""Cosine from which two templates come from the same picture, saved twice."""
JPEG_QUALITY = 95


class Refusal(StrEnum):
    """Why a photo is not taken."""

    UNREADABLE = "unreadable"
    NO_FACE = "no face"
    SEVERAL_FACES = "several faces"
    TOO_SMALL = "too small"
    LOW_QUALITY = "low quality"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Accepted:
    photo: Path
    quality: float
    is_odd: bool
    """None of the person's other photos resembles it: probably a photo of somebody else."""
    resembles: str | None
    """Name of another person whose face this seems to be: one of the two is probably enrolled wrongly."""


@dataclass(frozen=True, slots=True)
class Refused:
    photo: Path
    reason: Refusal
    detail: str


Outcome = Accepted | Refused


class EmbedderFacts(Protocol):
    @property
    def digest(self) -> str: ...

    @property
    def threshold(self) -> float: ...


class PhotoEngine(Protocol):
    """What enrolment needs of engine.FaceEngine."""

    @property
    def embedder(self) -> EmbedderFacts: ...

    def analyze(self, image_bgr: NDArray[np.uint8]) -> Faces: ...


def find_photos(sources: Iterable[Path]) -> list[Path]:
    """Returns the files, and the pictures in the folders and their subfolders; each once, in a stable order."""
    found: dict[Path, None] = {}
    for source in sources:
        found.update(dict.fromkeys(_pictures_in(source) if source.is_dir() else [source]))
    return list(found)


def enrol(
    store: Store,
    engine: PhotoEngine,
    name: str,
    photos: Iterable[Path],
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Adds the faces of a person's photos; each photo is stored or refused on its own.

    Args:
        store: where the person is, or is made with the first photo that is accepted.
        engine: whose embedder makes the templates.
        name: of the person.
        photos: files.
        tell: is called with each photo's outcome as soon as it is known.

    Raises:
        InvalidNameError: nobody can have that name.
        StoreError: the store cannot be written; photos that were told as accepted are in it.
    """
    kinship = Kinship(store, engine.embedder.digest, name)
    outcomes = []
    for photo in photos:
        outcome = _enrol_photo(store, engine, kinship, name, photo)
        tell(outcome)
        outcomes.append(outcome)
    return outcomes


def _enrol_photo(store: Store, engine: PhotoEngine, kinship: "Kinship", name: str, photo: Path) -> Outcome:
    try:
        faces = engine.analyze(load_photo(photo))
    except ImageError as error:
        return Refused(photo, Refusal.UNREADABLE, str(error).removeprefix(f"{photo}: "))
    if fault := _fault(faces):
        return Refused(photo, *fault)
    subject = int(faces.detections.sides.argmax())
    embedding = faces.embeddings[subject]
    own_score, threshold = kinship.own_score(embedding), engine.embedder.threshold
    if own_score > SAME_PICTURE:
        return Refused(photo, Refusal.DUPLICATE, "this person is enrolled with this picture already")
    is_odd = bool(kinship.own) and own_score < threshold
    store.people.enrol(name, _template(faces, subject, engine.embedder.digest, photo))
    kinship.own.append(embedding)
    return Accepted(photo, _quality(faces, subject), is_odd, kinship.nearest_other(embedding, threshold))


def _fault(faces: Faces) -> tuple[Refusal, str] | None:
    """Returns why the largest face of a photo cannot be enrolled."""
    if not len(faces):
        return Refusal.NO_FACE, "use a photo in which the face is seen from the front"
    sides = np.sort(faces.detections.sides)
    rivals = int((sides > sides[-1] * BYSTANDER).sum())
    if rivals > 1:
        return Refusal.SEVERAL_FACES, f"{rivals} faces are of about one size: cut the right one out"
    if sides[-1] < SMALLEST_FACE_PX:
        return Refusal.TOO_SMALL, f"the face has {sides[-1]:.0f} pixels, {SMALLEST_FACE_PX} are needed"
    subject = int(faces.detections.sides.argmax())
    quality, worst = _quality(faces, subject), faces.quality.faults[subject]
    if quality < LEAST_QUALITY:
        return Refusal.LOW_QUALITY, f"quality {quality:.2f}, {LEAST_QUALITY} is needed; worst: {worst}"
    return None


class Kinship:
    """How new templates compare with those of the same person and of others; read once, for it may be large."""

    def __init__(self, store: Store, model_digest: str, name: str) -> None:
        """Raises InvalidNameError or StoreError."""
        gallery, person = store.people.gallery(model_digest), store.people.find(name)
        is_own = gallery.person_ids == (person.id if person else 0)
        self.own = list(gallery.embeddings[is_own])
        """Whoever adds a template of this person adds it here too."""
        self._others = gallery.embeddings[~is_own]
        self._names = [gallery.people[int(id)] for id in gallery.person_ids[~is_own]]

    def own_score(self, embedding: NDArray[np.float32]) -> float:
        """Returns the cosine of the person's best template; -1, the least a cosine can be, if there is none."""
        return max((float(own @ embedding) for own in self.own), default=-1.0)

    def nearest_other(self, embedding: NDArray[np.float32], threshold: float) -> str | None:
        """Returns the other person who is most alike, None if nobody reaches the threshold."""
        if not self._names:
            return None
        scores = self._others @ embedding
        nearest = int(scores.argmax())
        return self._names[nearest] if scores[nearest] >= threshold else None


def _quality(faces: Faces, subject: int) -> float:
    return float(faces.quality.values[subject])


def _template(faces: Faces, subject: int, model_digest: str, photo: Path) -> NewTemplate:
    _, jpeg = cv2.imencode(".jpg", faces.crops[subject], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return NewTemplate(
        embedding=faces.embeddings[subject],
        model_digest=model_digest,
        quality=_quality(faces, subject),
        crop=jpeg.tobytes(),
        source=photo.name,
    )


def _pictures_in(folder: Path) -> Iterator[Path]:
    pictures = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    return iter(sorted(pictures))

"""Faces that passed the gate, on their way to a template."""

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from daemon.enrolment.gate import Unfit, choose_face
from daemon.enrolment.outcomes import Refusal, Refused, known_already
from daemon.store import NewTemplate
from engine import FoundFaces, ImageError
from engine.crops import encode_crop
from engine.photos import decode_photo, read_photo


class FaceFinder(Protocol):
    def find(self, image_bgr: NDArray[np.uint8]) -> FoundFaces: ...


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A face that is good enough."""

    crop: NDArray[np.uint8]
    """(size, size, 3) uint8 BGR, aligned."""
    quality: float
    source: str
    """Name of the picture, without its folder."""
    digest: str | None
    """SHA-256 of the file, None if there was none."""

    def template(self, embedding: NDArray[np.float32], model_digest: str) -> NewTemplate:
        return NewTemplate(
            embedding=embedding,
            model_digest=model_digest,
            quality=self.quality,
            crop=encode_crop(self.crop),
            source=self.source,
            source_digest=self.digest,
        )


def look_at(
    finder: FaceFinder, name: str, photo: Path, known: Set[str], ended: str | None = None
) -> Candidate | Refused:
    """Returns the face that a photo is about, or why it is not taken.

    Args:
        finder: of the faces.
        name: of the person, for the refusal.
        photo: a file.
        known: SHA-256 of the files that the person was enrolled with; these are not even decoded.
        ended: why no photo is taken of the person, whose consent ended; None: they are.
    """
    try:
        data = read_photo(photo)
        digest = hashlib.sha256(data).hexdigest()
        if digest in known:
            return known_already(name, photo)
        if ended:
            return Refused(name, photo, Refusal.CONSENT_ENDED, ended)
        faces = finder.find(decode_photo(data, photo))
    except ImageError as error:
        return Refused(name, photo, Refusal.UNREADABLE, str(error).removeprefix(f"{photo}: "))
    subject = choose_face(faces)
    if isinstance(subject, Unfit):
        return Refused(name, photo, subject.reason, subject.detail)
    # A copy: a view would keep the crops of all bystanders.
    return Candidate(faces.crops[subject].copy(), float(faces.quality.values[subject]), _storable_name(photo), digest)


def _storable_name(photo: Path) -> str:
    # A file may be named in any bytes, a database holds text.
    return photo.name.encode(errors="replace").decode()

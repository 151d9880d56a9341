"""Which face of a picture is good enough to know a person by, and why another one is not."""

from dataclasses import dataclass

import numpy as np

from daemon.enrolment.outcomes import Refusal
from engine import FoundFaces
from engine.quality import Fault

SMALLEST_FACE_PX = 40
"""Longer side of a face's box. A template is compared for years: it has to be better than a look of a camera."""
LEAST_QUALITY = 0.25
BYSTANDER = 0.5
"""Faces up to this fraction of the largest one's size are in the background, and do not make a photo ambiguous."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why no face of a picture can be enrolled."""

    reason: Refusal
    detail: str
    fault: Fault | None = None
    """What is worst about a face of low quality."""


def choose_face(faces: FoundFaces) -> int | Unfit:
    """Returns the place of the one face that a picture is about, or why it cannot be enrolled."""
    if not len(faces):
        return Unfit(Refusal.NO_FACE, "use a photo in which the face is seen from the front")
    sides = faces.detections.sides
    subject = int(sides.argmax())
    rivals = int(np.count_nonzero(sides > sides[subject] * BYSTANDER))
    if rivals > 1:
        return Unfit(Refusal.SEVERAL_FACES, f"{rivals} faces are of about one size: cut the right one out")
    if sides[subject] < SMALLEST_FACE_PX:
        return Unfit(Refusal.TOO_SMALL, f"the face has {sides[subject]:.0f} pixels, {SMALLEST_FACE_PX} are needed")
    quality, worst = float(faces.quality.values[subject]), faces.quality.faults[subject]
    if quality < LEAST_QUALITY:
        detail = f"quality {quality:.2f}, {LEAST_QUALITY} is needed; worst: {worst}"
        return Unfit(Refusal.LOW_QUALITY, detail, worst)
    return subject

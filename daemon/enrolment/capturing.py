"""Enrols whoever sits before a camera."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.sparse.csgraph import connected_components

from config import CameraSettings
from config.errors import DeconvIDError
from daemon.enrolment.candidates import Candidate
from daemon.enrolment.enrolling import FaceEmbedder, enrol_candidates
from daemon.enrolment.kinship import Kinship
from daemon.enrolment.likeness import SITTING_RATE, cosine_of_strangers
from daemon.enrolment.outcomes import Outcome
from daemon.enrolment.roster import Entry
from daemon.enrolment.sitting import Hint, Sitting
from daemon.store import Consent, Store
from daemon.streams.newest import NewestFrames
from daemon.workers.task import CameraTask
from engine import FoundFaces
from engine.images import YuvImage

Tell = Callable[[Hint, int], None]
"""What to say to whoever sits, and how many good looks there are."""


class FrameFinder(Protocol):
    def find_in_frame(self, frame: YuvImage) -> FoundFaces: ...


class SittingError(DeconvIDError):
    """Nobody was before the camera as long as it takes, or more than one."""


def sit(finder: FrameFinder, name: str, camera: CameraSettings, seconds: float, tell: Tell) -> list[Candidate]:
    """Returns the best looks of the one face before a camera.

    Reads the camera itself, beside a daemon that reads it too.

    Args:
        finder: of the faces.
        name: of the camera.
        camera: where it is, with its password.
        seconds: how long to look from the first picture on; less if there are good looks enough.
        tell: is called with each frame.

    Raises:
        SourceError: the camera cannot be opened or read.
        SittingError: there was no look that is good enough.
    """
    task = CameraTask.of(name, camera, ring=Path(), heartbeat=Path(), frames="", observations="", reports="")
    sitting, hint = Sitting(f"camera {name}"), Hint.NOBODY
    with NewestFrames(task) as newest:
        for frame in newest.frames(seconds):
            hint = sitting.see(frame.captured_s, finder.find_in_frame(frame.image))
            tell(hint, sitting.count)
            if sitting.is_done:
                break
    if not sitting.looks:
        raise SittingError(f"camera {name}: no look was good enough in {seconds:g} s. The last hint: {hint}")
    return sitting.looks


def enrol_looks(
    store: Store, embedder: FaceEmbedder, name: str, looks: Sequence[Candidate], consent: Consent | None = None
) -> list[Outcome]:
    """Adds the looks of one sitting to a person.

    Raises:
        SittingError: they show more than one person.
        ConsentEndedError: that of the person has ended.
        InvalidNameError: nobody can have that name.
        StoreError: the store cannot be written.
    """
    looks = _one_person(embedder, looks)
    entries = [Entry(name, Path(look.source), consent) for look in looks]
    kinship = Kinship(store.people.gallery(embedder.digest))
    return enrol_candidates(store, embedder, kinship, entries, looks)


def _one_person(embedder: FaceEmbedder, looks: Sequence[Candidate]) -> Sequence[Candidate]:
    """Returns the looks that show the person of most of them; one may be of somebody who passed by, or misjudged."""
    least = cosine_of_strangers(embedder.spec, SITTING_RATE)
    embeddings = embedder.embed(np.stack([look.crop for look in looks]))
    _, groups = connected_components(embeddings @ embeddings.T >= least, directed=False)
    sizes = np.bincount(groups)
    if sizes.max() < min(len(looks), max(2, len(looks) - 1)):
        raise SittingError("the looks show more than one person. Repeat it with one person before the camera")
    return [look for look, group in zip(looks, groups, strict=True) if group == sizes.argmax()]

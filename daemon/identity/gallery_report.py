"""What a gallery can be trusted with: its threshold, what that costs, and what to do about whom. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from daemon.enrolment.kinship import SAME_PICTURE
from daemon.enrolment.likeness import ODD_RATE
from daemon.enrolment.outliers import LookAlikes, Misfit, find_look_alikes, find_misfits
from daemon.identity.calibration import Calibration, false_positive_rate, threshold
from daemon.identity.rehearsal import Rehearsal, Share
from daemon.store import GallerySnapshot
from engine.impostors import ImpostorTails

FPIRS = (0.0001, 0.001, 0.01, 0.1)
"""Beside the one that is set."""
MOST_PAIRS = 50
ENOUGH_PHOTOS = 3


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    fpir: float
    """Share of strangers' tracks that would be named."""
    threshold: float
    misses: Share | None
    """Enrolled photos that would not be named rightly; None if nobody has several."""


@dataclass(frozen=True, slots=True)
class Copies:
    """One picture, enrolled twice for one person."""

    person_id: int
    places: tuple[int, int]
    """Which of the person's templates, by age from 0."""


@dataclass(frozen=True, slots=True)
class GalleryReport:
    people: int
    photos: int
    alikeness: float
    in_force: OperatingPoint
    is_fixed: bool
    """Whether `identity.threshold` overrides `identity.fpir`."""
    points: tuple[OperatingPoint, ...]
    false_names: Share | None
    """Enrolled photos that would be named after somebody else, were the person not enrolled."""
    look_alikes: tuple[LookAlikes, ...]
    """The most alike pairs beyond the threshold."""
    misfits: tuple[Misfit, ...]
    copies: tuple[Copies, ...]
    advice: Mapping[int, tuple[str, ...]]
    """By person."""


def report(
    gallery: GallerySnapshot,
    tails: ImpostorTails,
    calibration: Calibration,
    margin: float,
    fixed: float | None = None,
) -> GalleryReport:
    """
    Args:
        gallery: the templates of one model.
        tails: of that model.
        calibration: of that gallery.
        margin: the operator's.
        fixed: the threshold that the operator set instead of a rate.
    """
    size, likeness = calibration.people, calibration.alikeness
    rehearsal, ids = Rehearsal.of(gallery), np.unique(gallery.person_ids).tolist()

    def point(fpir: float, cosine: float) -> OperatingPoint:
        return OperatingPoint(fpir, cosine, rehearsal.misses(cosine, margin))

    if fixed is None:
        in_force = point(calibration.fpir, calibration.threshold)
    else:
        in_force = point(false_positive_rate(fixed, size, tails.track, likeness), fixed)
    alike = find_look_alikes(gallery, in_force.threshold, ids)
    misfits, copies = find_misfits(gallery, tails.photos.cosine(ODD_RATE), ids), _copies(gallery)
    return GalleryReport(
        people=size,
        photos=len(gallery.embeddings),
        alikeness=likeness,
        in_force=in_force,
        is_fixed=fixed is not None,
        points=tuple(point(fpir, threshold(fpir, size, tails.track, likeness)) for fpir in FPIRS),
        false_names=rehearsal.false_names(in_force.threshold),
        look_alikes=tuple(alike[:MOST_PAIRS]),
        misfits=tuple(misfits),
        copies=tuple(copies),
        advice=_advice(gallery, rehearsal.is_missed(in_force.threshold, margin), rehearsal, alike, misfits, copies),
    )


def _copies(gallery: GallerySnapshot) -> list[Copies]:
    found = []
    ids, first_rows, counts = np.unique(gallery.person_ids, return_index=True, return_counts=True)
    for person_id, first, count in zip(ids.tolist(), first_rows, counts, strict=True):
        own = gallery.embeddings[first : first + count]
        for place, other in zip(*np.nonzero(np.triu(own @ own.T > SAME_PICTURE, 1)), strict=True):
            found.append(Copies(person_id, (int(place), int(other))))
    return found


def _advice(
    gallery: GallerySnapshot,
    is_missed: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    rehearsal: Rehearsal,
    alike: list[LookAlikes],
    misfits: list[Misfit],
    copies: list[Copies],
) -> dict[int, tuple[str, ...]]:
    advice: dict[int, list[str]] = defaultdict(list)
    for pair in alike:
        for one, other in (pair.person_ids, pair.person_ids[::-1]):
            advice[one].append(_about_alike(pair, gallery.people[other]))
    for misfit in misfits:
        numbers = ", ".join(str(place + 1) for place in misfit.places)
        advice[misfit.person_id].append(f"photo {numbers} of {misfit.of} is unlike the others: is it somebody else?")
    for copy in copies:
        first, second = copy.places
        advice[copy.person_id].append(f"photos {first + 1} and {second + 1} are one picture: the second adds nothing")
    missed = np.unique(rehearsal.person_ids[is_missed], return_counts=True)
    ids, counts = np.unique(gallery.person_ids, return_counts=True)
    photos = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    for person_id, count in zip(missed[0].tolist(), missed[1].tolist(), strict=True):
        advice[person_id].append(
            f"{count} of {photos[person_id]} photos would not be recognised by the others: add photos like those that "
            "the cameras see"
        )
    for person_id, count in photos.items():
        if count < ENOUGH_PHOTOS:
            advice[person_id].append(f"has {count} of {ENOUGH_PHOTOS} photos: add some in another light or pose")
    return {person_id: tuple(texts) for person_id, texts in sorted(advice.items())}


def _about_alike(pair: LookAlikes, other: str) -> str:
    if pair.is_one_picture:
        return f"is enrolled with the same picture as {other}: erase one of the two"
    return f"looks like {other} ({pair.score:.2f}): add photos of both, else neither may be named"

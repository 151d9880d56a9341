"""What a gallery can be trusted with: its threshold, what that costs, and what to do about whom. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from daemon.enrolment.likeness import ODD_RATE
from daemon.enrolment.outliers import LookAlikes, Misfit, find_look_alikes, find_misfits
from daemon.identity.advice import Copies, advise, find_copies
from daemon.identity.calibration import Calibration, false_positive_rate, threshold
from daemon.identity.rehearsal import Rehearsal, Share
from daemon.store import GallerySnapshot
from engine.impostors import ImpostorTails

FPIRS = (0.0001, 0.001, 0.01, 0.1)
"""Beside the one that is set."""
MOST_PAIRS = 50


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    fpir: float
    """Share of strangers' tracks that would be named."""
    threshold: float
    misses: Share | None
    """Enrolled photos that would not be named rightly; None if nobody has several."""


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
    photos, likeness = calibration.photos, calibration.alikeness
    rehearsal, ids = Rehearsal.of(gallery), np.unique(gallery.person_ids).tolist()

    def point(fpir: float, cosine: float) -> OperatingPoint:
        return OperatingPoint(fpir, cosine, rehearsal.misses(cosine, margin))

    if fixed is None:
        in_force = point(calibration.fpir, calibration.threshold)
    else:
        in_force = point(false_positive_rate(fixed, photos, tails.track, likeness), fixed)
    alike = find_look_alikes(gallery, in_force.threshold, ids)
    misfits, copies = find_misfits(gallery, tails.photos.cosine(ODD_RATE), ids), find_copies(gallery)
    return GalleryReport(
        people=len(ids),
        photos=photos,
        alikeness=likeness,
        in_force=in_force,
        is_fixed=fixed is not None,
        points=tuple(point(fpir, threshold(fpir, photos, tails.track, likeness)) for fpir in FPIRS),
        false_names=rehearsal.false_names(in_force.threshold),
        look_alikes=tuple(alike[:MOST_PAIRS]),
        misfits=tuple(misfits),
        copies=tuple(copies),
        advice=advise(
            gallery,
            alike,
            misfits,
            copies,
            missed=rehearsal.person_ids[rehearsal.is_missed(in_force.threshold, margin)],
        ),
    )

"""What a gallery can be trusted with: its threshold, what that costs, and what to do about whom. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.enrolment.likeness import ODD_RATE
from daemon.enrolment.outliers import LookAlikes, Misfit, find_look_alikes, find_misfits
from daemon.identity.advice import Copies, advise, find_copies
from daemon.identity.calibration import Calibration, calibrate, false_positive_rate
from daemon.identity.rehearsal import Rehearsal, Share
from daemon.store import GallerySnapshot
from engine.impostors import ImpostorTails, Strangers

FPIRS = (0.0001, 0.001, 0.01, 0.1)
"""Reported beside the one that is set."""
MOST_PAIRS = 50


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    strangers_are: Strangers
    """For whom the rate is kept."""
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
    """Each rate for both kinds of strangers, unless the model knows but those who are alike."""
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
    sample: NDArray[np.float32],
    tails: ImpostorTails,
    calibration: Calibration,
    margin: float,
    fixed: float | None = None,
) -> GalleryReport:
    """
    Args:
        gallery: the templates of one model.
        sample: (P, D) of it: see `calibrate`.
        tails: of that model.
        calibration: of that gallery.
        margin: the operator's.
        fixed: the threshold that the operator set instead of a rate.
    """
    photos, likeness = calibration.photos, calibration.alikeness
    rehearsal, ids = Rehearsal.of(gallery), np.unique(gallery.person_ids).tolist()

    def point(strangers: Strangers, fpir: float, cosine: float) -> OperatingPoint:
        return OperatingPoint(strangers, fpir, cosine, rehearsal.misses(cosine, margin))

    kinds: tuple[Strangers, ...] = ("alike", "anybody") if tails.anybody else ("alike",)
    strangers_are = calibration.strangers_are
    if fixed is None:
        in_force = point(strangers_are, calibration.fpir, calibration.threshold)
    else:
        rate = false_positive_rate(fixed, photos, tails.of(strangers_are).track, likeness)
        in_force = point(strangers_are, rate, fixed)
    alike = find_look_alikes(gallery, in_force.threshold, ids)
    misfits, copies = find_misfits(gallery, tails.photos.cosine(ODD_RATE), ids), find_copies(gallery)
    return GalleryReport(
        people=len(ids),
        photos=photos,
        alikeness=likeness,
        in_force=in_force,
        is_fixed=fixed is not None,
        points=tuple(
            point(strangers, fpir, calibrate(photos, sample, tails, fpir, strangers).threshold)
            for fpir in sorted({*FPIRS, calibration.fpir})
            for strangers in kinds
        ),
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

"""Are two pictures one person? Accuracy over folds, and true accepts at a false accept rate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.intervals import Figure, bootstrap_share

FOLDS = 10


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification test over pairs gave; shares in percent."""

    accuracy: float
    """Mean over ten folds; the threshold of each is the best one of the other nine."""
    deviation: float
    """Standard deviation over the ten folds."""
    tar_at_far_1e_2: Figure
    tar_at_far_1e_3: Figure
    """Rests on 3 of 3,000 impostor pairs: coarse."""
    equal_error_rate: float


def verify(scores: NDArray[np.float32], same: NDArray[np.bool_]) -> Verification:
    """Returns the figures of a verification test.

    Args:
        scores: (P,) float32, cosine of each pair.
        same: (P,) bool, whether the pair is one person; pairs are ordered by fold.
    """
    right, genuine, impostor = fold_accuracies(scores, same), scores[same], scores[~same]
    return Verification(
        accuracy=round(float(np.mean(right)) * 100, 2),
        deviation=round(float(np.std(right)) * 100, 2),
        tar_at_far_1e_2=_true_accepts(genuine, impostor, 1e-2),
        tar_at_far_1e_3=_true_accepts(genuine, impostor, 1e-3),
        equal_error_rate=round(equal_error_rate(scores, same) * 100, 2),
    )


def fold_accuracies(scores: NDArray[np.float32], same: NDArray[np.bool_]) -> list[float]:
    """Returns the share of right answers in each fold, at the threshold that suits the other nine best."""
    fold, right = np.arange(len(scores)) * FOLDS // len(scores), []
    for k in range(FOLDS):
        others = fold != k
        candidates = np.unique(scores[others])
        genuine, impostor = np.sort(scores[others & same]), np.sort(scores[others & ~same])
        hits = len(genuine) - np.searchsorted(genuine, candidates) + np.searchsorted(impostor, candidates)
        best = candidates[np.argmax(hits)]
        right.append(float(((scores[~others] >= best) == same[~others]).mean()))
    return right


def tar_at_far(genuine: NDArray[np.float32], impostor: NDArray[np.float32], far: float) -> float:
    """Returns the share of genuine pairs above the score that this share of impostor pairs exceeds."""
    return float((genuine > np.sort(impostor)[::-1][int(far * len(impostor))]).mean())


def equal_error_rate(scores: NDArray[np.float32], same: NDArray[np.bool_]) -> float:
    """Returns the error rate at the threshold where false accepts are as frequent as false rejects."""
    thresholds = np.unique(scores)
    rejected = np.searchsorted(np.sort(scores[same]), thresholds) / same.sum()
    accepted = 1 - np.searchsorted(np.sort(scores[~same]), thresholds) / (~same).sum()
    equal = int(np.argmin(np.abs(rejected - accepted)))
    return float(rejected[equal] + accepted[equal]) / 2


def _true_accepts(genuine: NDArray[np.float32], impostor: NDArray[np.float32], far: float) -> Figure:
    # Each is drawn by itself: of another number of impostor pairs, another rank would be the threshold.
    return bootstrap_share(
        lambda true, false: tar_at_far(genuine[true], impostor[false], far), len(genuine), len(impostor)
    )

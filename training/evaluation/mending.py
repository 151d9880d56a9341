"""How much of what a camera took from a face's features a path brings back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.evaluation.robustness import degradations
from training.losses import feature_loss
from training.networks import NETWORKS
from training.networks.embedder import MENDED
from training.teachers import STAGES, Features, load_features
from training.tensors import normalise, to_tensor

BATCH = 16
"""Faces at once; more of them do not fit into the processor's cache."""


def load_reference() -> Features:
    """Returns the teacher's features where paths mend them."""
    return load_features(torch.device("cpu"), STAGES[MENDED])


@torch.no_grad()
def features_missed(
    checkpoint: Mapping[str, Any], clean: Sequence[NDArray[np.uint8]], teach: Features
) -> dict[str, dict[str, float]]:
    """Returns, by probe, the percentage of the variance of the teacher's features of clean crops that a network misses
    when it sees them degraded, before its path and behind it.

    Args:
        checkpoint: as training/checkpoints.py reads it.
        clean: (112, 112, 3) uint8 BGR, on which it was not trained.
        teach: as `load_reference` gives it.
    """
    network: Any = NETWORKS[checkpoint["recipe"]["network"]]()
    network.load_state_dict(checkpoint["weights"])
    network.eval()
    faces = torch.stack([to_tensor(crop) for crop in clean])
    wanted = torch.cat([teach(some) for some in torch.split(faces, BATCH)])
    missed = {}
    for probe, degradation in degradations(np.random.default_rng(1)).items():
        seen = normalise(torch.stack([to_tensor(degradation(crop)) for crop in clean]))
        before = torch.cat([network.before_path(some) for some in torch.split(seen, BATCH)])
        behind = torch.cat([network.path(some) for some in torch.split(before, BATCH)]) if network.path else before
        sides = {"before": before, "behind": behind}
        missed[probe] = {name: round(100 * float(feature_loss(side, wanted)), 1) for name, side in sides.items()}
    return missed

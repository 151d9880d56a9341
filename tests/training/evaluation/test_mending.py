from typing import Any

import numpy as np
import pytest
import torch

from training.evaluation.mending import features_missed
from training.networks import NETWORKS
from training.tensors import normalise


def untrained(name: str) -> dict[str, Any]:
    torch.manual_seed(0)
    return {"recipe": {"network": name}, "weights": NETWORKS[name]().state_dict()}


@torch.no_grad()
def taught_by(checkpoint: dict[str, Any], faces: torch.Tensor) -> torch.Tensor:
    """As a teacher whose features are those of the network itself."""
    network: Any = NETWORKS[checkpoint["recipe"]["network"]]()
    network.load_state_dict(checkpoint["weights"])
    features: torch.Tensor = network.eval().before_path(normalise(faces))
    return features


@pytest.mark.parametrize("name", ["trunk_v2_xs", "deconv_v2_xs"])
def test_a_network_that_sees_clean_faces_misses_nothing_of_its_own_features(name: str) -> None:
    checkpoint = untrained(name)
    crops = list(np.random.default_rng(1).integers(0, 256, (4, 112, 112, 3), np.uint8))
    missed = features_missed(checkpoint, crops, lambda faces: taught_by(checkpoint, faces))
    assert missed["clean"] == {"before": 0.0, "behind": 0.0}  # an untrained path is the identity
    assert missed["12 px"]["before"] > missed["24 px"]["before"] > 10


def test_what_a_path_changes_shows_behind_it_alone() -> None:
    checkpoint = untrained("deconv_v2_xs")
    crops = list(np.random.default_rng(1).integers(0, 256, (4, 112, 112, 3), np.uint8))

    def teach(faces: torch.Tensor) -> torch.Tensor:
        return taught_by(checkpoint, faces)

    [last_norm] = [name for name in checkpoint["weights"] if name == "path.up28.1.bias"]
    changed = {**checkpoint, "weights": {**checkpoint["weights"], last_norm: torch.ones(64)}}
    assert features_missed(changed, crops, teach)["clean"]["before"] == 0.0
    assert features_missed(changed, crops, teach)["clean"]["behind"] > 10

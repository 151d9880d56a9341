from typing import Any

import pytest
import torch

from training.graft import graft
from training.networks import NETWORKS
from training.networks.embedder import MENDED
from training.recipe import TrainingError


def checkpoint(name: str, seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    network = NETWORKS[name]()
    for parameter in network.parameters():  # a path begins as the identity, whose front would tell nothing
        torch.nn.init.normal_(parameter, std=0.1)
    return {"recipe": {"network": name}, "seen": seed, "history": [], "weights": network.state_dict()}


def load(made: dict[str, Any]) -> Any:
    network = NETWORKS[made["recipe"]["network"]]()
    network.load_state_dict(made["weights"])
    return network.eval()


@torch.no_grad()
def test_graft_mends_like_its_front_and_embeds_like_its_back() -> None:
    front, back = checkpoint("deconv_v2_xs", 1), checkpoint("trunk_v2_xs", 2)
    grafted = load(graft(front, back))
    faces = torch.randn(2, 3, 112, 112)
    embeddings, mended = grafted(faces)
    assert torch.equal(mended, load(front)(faces)[1])
    x = mended
    for stage in load(back).stages[MENDED + 1 :]:
        x = stage(x)
    assert torch.equal(embeddings, load(back).embed(x))


def test_embedders_of_two_sizes_are_refused() -> None:
    with pytest.raises(TrainingError, match="deconv_v2 and trunk_v2_xs: differ behind the mended features"):
        graft(checkpoint("deconv_v2", 1), checkpoint("trunk_v2_xs", 2))

"""Makes a small embedder of a large one: each bottleneck keeps the hidden channels that explain most of what it gives.

    python -m training.prune training/checkpoints/trunk_v2.pt trunk_v2_xs runs/pruned_xs.pt

A bottleneck's last layer is linear, so what it would give without some hidden channels is a least-squares problem:
channels are taken one by one, each time the one that explains most of what is still missing (orthogonal matching
pursuit, Pati et al. 1993), and the last layer is solved for. What is of one shape in both networks is copied; what is
left, the small one's entry, begins untrained.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.checkpoints import load_weights, read_weights, write_checkpoint
from training.faces import load_faces, split
from training.networks import NETWORKS
from training.networks.blocks import Bottleneck
from training.recipe import TrainingError
from training.tensors import normalise, to_tensor

FACES = 128
HIDDEN_LAYERS = 6
"""Of a bottleneck's body: those in front of its last convolution and that one's batch norm."""


def choose_channels(hidden: Tensor, given: Tensor, count: int) -> Tensor:
    """Returns the numbers of the channels of `hidden`, (P, H), that together explain most of `given`, (P, C), sorted.

    Args:
        hidden, given: at P places; both count as differences from their means.
        count: of channels.
    """
    hidden, given = hidden - hidden.mean(0), given - given.mean(0)
    gram, explains = hidden.T @ hidden, hidden.T @ given
    floor = 1e-6 * gram.diagonal().max()
    chosen: list[int] = []
    for _ in range(count):
        power = gram.diagonal()
        gain = torch.where(power > floor, explains.square().sum(1) / power.clamp(min=floor), -1.0)
        gain[chosen] = -2.0
        best = int(gain.argmax())
        chosen.append(best)
        if power[best] > floor:  # what that channel has explained is taken from all others
            column = gram[:, best].clone()
            explains = explains - torch.outer(column, explains[best]) / column[best]
            gram = gram - torch.outer(column, column) / column[best]
    return torch.tensor(sorted(chosen))


@torch.no_grad()
def prune_bottleneck(large: Bottleneck, small: Bottleneck, x: Tensor) -> float:
    """Fills `small` so that it gives what `large` does; returns the share of the variance that it misses.

    Args:
        x: (N, C, H, W), what goes into them.
    """
    body: Any = small.body
    *to_fill, last, norm = body
    hidden_layers: Any = large.body[:HIDDEN_LAYERS]
    hidden = hidden_layers(x).transpose(0, 1).flatten(1).T.double()
    given = large.body(x).transpose(0, 1).flatten(1).T.double()
    kept = choose_channels(hidden, given, last.in_channels)
    for ours, theirs in zip(to_fill, hidden_layers, strict=True):
        ours.load_state_dict({k: v[kept] if v.ndim else v for k, v in theirs.state_dict().items()})
    inputs = hidden[:, kept]
    centred, wanted = inputs - inputs.mean(0), given - given.mean(0)
    damping = 1e-6 * centred.square().sum(0).max() * torch.eye(len(kept), dtype=torch.float64)
    weight = torch.linalg.solve(centred.T @ centred + damping, centred.T @ wanted)
    told = inputs @ weight
    last.weight.copy_(weight.T[:, :, None, None])
    norm.running_mean.copy_(told.mean(0))
    norm.running_var.copy_(told.var(0))
    norm.weight.copy_((told.var(0) + norm.eps).sqrt())  # so that it changes nothing
    norm.bias.copy_(given.mean(0))
    return float((wanted - centred @ weight).square().sum() / wanted.square().sum())


@torch.no_grad()
def prune(large: nn.Module, small: nn.Module, faces: Tensor) -> list[float]:
    """Fills `small` from `large`, both embedders; returns the share of variance missed by each bottleneck.

    Args:
        faces: (N, 3, 112, 112) float, as embedders take them.

    Raises:
        TrainingError: a bottleneck of `small` is wider.
    """
    theirs = large.state_dict()
    same = {name: theirs[name] for name, weight in small.state_dict().items() if _shape(theirs, name) == weight.shape}
    small.load_state_dict(same, strict=False)
    large.eval()
    x, missed = faces, []
    stages: Any = zip(large.stages, small.stages, strict=True)  # type: ignore[arg-type]
    for theirs_stage, ours_stage in stages:
        if isinstance(theirs_stage, Bottleneck) and isinstance(ours_stage, Bottleneck):
            if _hidden(ours_stage) > _hidden(theirs_stage):
                raise TrainingError("the network to be made is wider than the one given. Name a smaller one")
            missed.append(prune_bottleneck(theirs_stage, ours_stage, x))
        x = theirs_stage(x)
    return missed


def _hidden(bottleneck: Bottleneck) -> int:
    entry: Any = bottleneck.body[0]
    channels: int = entry.out_channels
    return channels


def _shape(weights: dict[str, Tensor], name: str) -> torch.Size | None:
    return weights[name].shape if name in weights else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("large", type=Path, help="checkpoint")
    parser.add_argument("network", choices=NETWORKS, help="to be made")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    try:
        checkpoint = read_weights(arguments.large)
        large, small = NETWORKS[checkpoint["recipe"]["network"]](), NETWORKS[arguments.network]()
        load_weights(arguments.large, large)
        crops, training = load_faces(), split(len(load_faces()))[0]
        drawn = np.random.default_rng(1).choice(training, FACES, replace=False)
        faces = normalise(torch.stack([to_tensor(np.array(crops[i])) for i in drawn]))
        print("variance missed:", " ".join(f"{share:.3f}" for share in prune(large, small, faces)))
        weights = {k: v.half() if v.is_floating_point() else v for k, v in small.state_dict().items()}
        made = {"recipe": {**checkpoint["recipe"], "network": arguments.network}, "seen": 0, "history": []}
        write_checkpoint(arguments.out, {**made, "weights": weights})
    except TrainingError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()

"""Writes the mean of two checkpoints of one network, of which one began as the other (Wortsman et al. 2022,
arXiv:2109.01903).

    python -m training.soup before.pt after.pt mixed.pt --share 0.75

What training on degraded faces takes from clean ones comes back sooner than what it gives is lost.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from training.checkpoints import read_weights, write_checkpoint
from training.recipe import TrainingError


def mix(before: dict[str, Any], after: dict[str, Any], share: float) -> dict[str, Any]:
    """Returns a checkpoint with the recipe and the history of `after`.

    Args:
        before: as `read_weights` gives it.
        after: likewise.
        share: of `after`, 0..1.

    Raises:
        TrainingError: they are of two networks.
    """
    ours, theirs = before["weights"], after["weights"]
    if {name: w.shape for name, w in ours.items()} != {name: w.shape for name, w in theirs.items()}:
        networks = " and ".join(checkpoint["recipe"]["network"] for checkpoint in (before, after))
        raise TrainingError(f"{networks}: have other weights. Name checkpoints of one network")
    weights = {
        name: torch.lerp(ours[name].float(), weight.float(), share).to(weight.dtype)
        if weight.is_floating_point()
        else weight  # how many batches the norms have seen
        for name, weight in theirs.items()
    }
    return {**after, "weights": weights}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "after", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of AFTER, 0 to 1")
    arguments = parser.parse_args()
    try:
        mixed = mix(read_weights(arguments.before), read_weights(arguments.after), arguments.share)
        write_checkpoint(arguments.out, mixed)
    except TrainingError as error:
        raise SystemExit(f"error: {error}") from error

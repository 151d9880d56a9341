"""Joins the front of one embedder, up to the mended features, to the back of another.

    python -m training.graft training/checkpoints/twins/deconv_v2.pt runs/trunk_v2.pt runs/grafted.pt

Where they are joined, both have features like the teacher's. So a path that has learnt to mend degraded faces need not
learn it again when stages come along that were given the teacher's features for longer.
"""

import argparse
from pathlib import Path
from typing import Any

from training.checkpoints import read_weights, write_checkpoint
from training.networks.embedder import MENDED
from training.recipe import TrainingError


def is_front(weight: str) -> bool:
    """Whether a weight of that name works on the mended features, or before them."""
    part, _, rest = weight.partition(".")
    return part in ("path", "restore") or (part == "stages" and int(rest.partition(".")[0]) <= MENDED)


def graft(front: dict[str, Any], back: dict[str, Any]) -> dict[str, Any]:
    """Returns a checkpoint of the front's network. Arguments: as `read_weights` gives them.

    Raises:
        TrainingError: they do not fit together.
    """
    weights = {
        name: weight if is_front(name) else back["weights"].get(name) for name, weight in front["weights"].items()
    }
    for name, weight in weights.items():
        if weight is None or weight.shape != front["weights"][name].shape:
            networks = " and ".join(checkpoint["recipe"]["network"] for checkpoint in (front, back))
            raise TrainingError(f"{networks}: differ behind the mended features ({name}). Name embedders of one size")
    return {**front, "weights": weights}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("front", type=Path, help="checkpoint of an embedder with a path")
    parser.add_argument("back", type=Path, help="checkpoint of an embedder of the same size, with or without a path")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    try:
        write_checkpoint(arguments.out, graft(read_weights(arguments.front), read_weights(arguments.back)))
    except TrainingError as error:
        raise SystemExit(f"error: {error}") from error

"""Networks in eager PyTorch, for a benchmark: with random weights, which are as fast."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from training.networks import NETWORKS


def load_eager(name: str, threads: int) -> Callable[[NDArray[np.float32]], object] | None:
    """Returns what runs an embedder on (N, 3, 112, 112) float32; None if there is none of that name."""
    if name not in NETWORKS:
        return None
    torch.set_num_threads(threads)
    network = NETWORKS[name]().eval()

    @torch.inference_mode()
    def run(faces: NDArray[np.float32]) -> object:
        return network(torch.from_numpy(faces))

    return run

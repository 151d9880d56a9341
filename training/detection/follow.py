"""Begins the detector where its teacher is: every layer is solved for, alone, to give what YuNet's gives.

    python -m training.detection.follow runs/begun.pt           # half a minute
    deconvid train training/recipes/finder_v1.toml --start runs/begun.pt

A layer that is given its teacher's inputs is a small problem, and needs no gradients: it is a pointwise and then a
depthwise convolution, what it gives is linear in either while the other stands still, and alternating least squares
asks nothing of the pictures but the products of its inputs with each other and with what is wanted.

The layers are YuNet's (Apache-2.0) in number and shape, so that this comes out as good as YuNet's own weights would
be. What makes the detector our own is the training on scenes that follows.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.checkpoints import Progress, save_weights
from training.detection.network import DetectorNetwork, scaled
from training.detection.scenes import SceneMaker
from training.detection.train import DetectorRecipe
from training.detection.yunet import Layers, load_yunet
from training.losses import feature_loss
from training.tensors import to_tensor

logger = logging.getLogger(__name__)

SEED, SCENES, CHUNK = 9, 64, 4
MOST_PLACES = 1024
"""Of one scene and one layer that count."""
ROUNDS = 60
"""Of solving for the one convolution and then for the other."""
RIDGE = 1e-8
"""Of an input's mean square: what never varies has no weight that could be known."""
TAPS = 9
"""Neighbours that a convolution of 3x3 sees."""


class Products:
    """Sums over places of what a layer sees, X numbers, and of what it is to give, Y; in double precision."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.count = 0
        self._seen, self._wanted = torch.zeros(inputs).double(), torch.zeros(outputs).double()
        self._gram, self._cross = torch.zeros(inputs, inputs).double(), torch.zeros(inputs, outputs).double()

    def add(self, seen: Tensor, wanted: Tensor) -> None:
        """Args: seen: (P, X); wanted: (P, Y)."""
        seen, wanted = seen.double(), wanted.double()
        self.count += len(seen)
        self._seen += seen.sum(0)
        self._wanted += wanted.sum(0)
        self._gram += seen.T @ seen
        self._cross += seen.T @ wanted

    def centred(self) -> tuple[Tensor, Tensor]:
        """Returns (X, X) and (X, Y), the products of what is seen with itself and with what is wanted, less means."""
        mean = self._seen[:, None] / self.count
        return self._gram - mean @ self._seen[None], self._cross - mean @ self._wanted[None]

    def bias(self, weights: Tensor) -> Tensor:
        """Returns (Y,), what is to be added to what weights, (X, Y), give."""
        return (self._wanted - self._seen @ weights) / self.count

    def spread(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the variance and the mean, (Y,) each, of what weights, (X, Y), give."""
        variance = (weights * (self.centred()[0] @ weights)).sum(0) / self.count
        return variance, self._seen @ weights / self.count


def begin(network: DetectorNetwork, yunet: Layers, images: Tensor) -> None:
    """Gives a network the weights with which each layer follows its teacher's.

    Args:
        network: what is solved for, in place.
        yunet: the teacher.
        images: (N, 3, S, S) uint8 RGB.
    """
    layers = network.layers()
    sums: list[Products] = []
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        known = yunet(chunk)
        for i, (seen, wanted) in enumerate(zip(inputs_of(network, chunk, known), known, strict=True)):
            some = _some_places(_neighbourhoods(seen, stride=1 if i else 2), wanted)
            if not start:
                sums.append(Products(*(part.shape[1] for part in some)))
            sums[i].add(*some)
    for i, (layer, of_layer) in enumerate(zip(layers, sums, strict=True)):
        (_solve_separable if i else _solve_dense)(layer, of_layer)


@torch.no_grad()
def inputs_of(network: DetectorNetwork, images: Tensor, known: Sequence[Tensor]) -> list[Tensor]:
    """Returns what every layer sees while it is given its teacher's features."""
    seen: list[Tensor] = []
    hooks = [layer.register_forward_pre_hook(lambda _, args: seen.append(args[0])) for layer in network.layers()]
    network.features(scaled(images), known)
    for hook in hooks:
        hook.remove()
    return seen


def _neighbourhoods(x: Tensor, stride: int) -> Tensor:
    """Returns (N, 9 * (C + 1), P): neighbour by neighbour, its channels and a one, or zeros outside of the picture."""
    x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    patches = functional.unfold(x, 3, padding=1, stride=stride)  # (N, (C + 1) * 9, P)
    return patches.reshape(len(x), -1, TAPS, patches.shape[2]).transpose(1, 2).flatten(1, 2)


def _some_places(patches: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Returns (P, X) and (P, Y) of every so many places."""
    wanted = wanted.flatten(2)
    every = -(-wanted.shape[2] // MOST_PLACES)
    seen, wanted = (part[..., ::every].transpose(1, 2).flatten(0, 1) for part in (patches, wanted))
    return seen, wanted


def _solve_dense(layer: Any, sums: Products) -> None:
    """A convolution and its batch norm."""
    gram, cross = sums.centred()
    of_pixels = torch.ones(TAPS, len(gram) // TAPS, dtype=torch.bool)
    of_pixels[:, -1] = False  # a convolution does not know where the picture ends
    pixels = of_pixels.flatten()
    weights = torch.zeros_like(cross)
    weights[pixels] = _solve(gram[pixels][:, pixels], cross[pixels].T).T
    convolution, norm = layer.children()
    kernels = weights[pixels].reshape(TAPS, -1, weights.shape[1]).permute(2, 1, 0)
    convolution.weight.data.copy_(kernels.reshape_as(convolution.weight))
    _set_norm(norm, sums, weights)


def _solve_separable(layer: Any, sums: Products) -> None:
    """A pointwise and a depthwise convolution, and the batch norm or the bias behind them."""
    gram, cross = sums.centred()
    seen = len(gram) // TAPS  # C + 1
    by_tap = gram.reshape(TAPS, seen, TAPS, seen)
    of_tap_pairs = by_tap.permute(0, 2, 1, 3).reshape(TAPS**2, -1)
    of_channel_pairs = by_tap.permute(1, 3, 0, 2).reshape(seen**2, -1)
    wanted = cross.T.reshape(-1, TAPS, seen)  # (Y, 9, C + 1)
    # As if every neighbour had a pointwise convolution of its own; the nearest to it with the same one for all.
    free = _solve(gram, cross.T).reshape_as(wanted)
    taps = torch.linalg.svd(free, full_matrices=False).U[..., 0]  # (Y, 9)
    for _ in range(ROUNDS):
        grams = (taps[:, :, None] * taps[:, None]).flatten(1) @ of_tap_pairs
        channels = _solve(grams.reshape(-1, seen, seen), torch.einsum("ykc,yk->yc", wanted, taps))
        channels = channels / channels.norm(dim=1, keepdim=True)  # only the product of both is known
        grams = (channels[:, :, None] * channels[:, None]).flatten(1) @ of_channel_pairs
        taps = _solve(grams.reshape(-1, TAPS, TAPS), torch.einsum("ykc,yc->yk", wanted, channels))
    pointwise, depthwise, *norm = layer.children()
    pointwise.weight.data.copy_(channels[:, :-1, None, None])
    pointwise.bias.data.copy_(channels[:, -1])
    depthwise.weight.data.copy_(taps.reshape_as(depthwise.weight))
    weights = (taps[:, :, None] * channels[:, None]).flatten(1).T
    if norm:
        _set_norm(norm[0], sums, weights)
    else:
        depthwise.bias.data.copy_(sums.bias(weights))


def _set_norm(norm: Any, sums: Products, weights: Tensor) -> None:
    """Gives a batch norm the statistics of what weights, (X, Y), give, and what turns these into what is wanted."""
    variance, mean = sums.spread(weights)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.data.copy_((variance + norm.eps).sqrt())
    norm.bias.data.copy_(mean + sums.bias(weights))


def _solve(grams: Tensor, wanted: Tensor) -> Tensor:
    """Returns (..., X), by what inputs with these products, (..., X, X), give what has those with them, (..., X)."""
    ridge = RIDGE * grams.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    regular = grams + ridge * torch.eye(grams.shape[-1], dtype=grams.dtype)
    if grams.ndim == 2:
        return torch.linalg.solve(regular, wanted.T).T
    return torch.linalg.solve(regular, wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cv2.setNumThreads(1)  # the solver has the cores
    maker, yunet, network = SceneMaker(), load_yunet(torch.device("cpu")), DetectorNetwork()
    images = torch.stack([to_tensor(maker.make(np.random.default_rng((SEED, i))).image) for i in range(SCENES)])
    begin(network, yunet, images)
    network.eval()
    missed = follow_through(network, yunet, images[:16])
    logger.info("missed variance of each layer, one behind the other: %s", missed)
    save_weights(out, network, DetectorRecipe(network="finder_v1", samples=SCENES), Progress(samples=SCENES))


@torch.no_grad()
def follow_through(network: DetectorNetwork, yunet: Layers, images: Tensor) -> list[float]:
    """Returns, layer by layer, the share of the teacher's variance that the network as a whole misses."""
    pairs = zip(network.features(scaled(images)), yunet(images), strict=True)
    return [round(feature_loss(*pair).item(), 5) for pair in pairs]


if __name__ == "__main__":
    main()

"""Distils the teachers into a network that sees degraded faces.

    python -m training.distill deconv_v0 --minutes 100

The student gets the crop as a camera might have delivered it, the teachers saw the clean one. Loss = cosine to
the target + contrast against targets of other faces (InfoNCE, Oord et al. 2018, arXiv:1807.03748) + restoration of
the clean crop (pixels and their gradients). The learning rate follows the clock, one cosine over the given minutes,
so that a run always ends annealed. Every few minutes the weights' running average is saved, in FP16, with what
resuming needs; `--resume` starts warm from it, with a fresh optimiser.
"""

import argparse
import json
import logging
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import swa_utils
from torch.utils.data import DataLoader, Dataset

from training.degrade import DegradationRanges, degrade, misalign
from training.faces import load_faces, split
from training.networks import NETWORKS
from training.optimisers import make_optimisers
from training.paths import RUNS
from training.teachers import load_targets

logger = logging.getLogger(__name__)


LEARNING_RATE = 2e-3
"""At its peak."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what comes out, saved beside the weights."""

    network: str
    minutes: float
    batch: int = 128
    learning_rate: float = LEARNING_RATE
    weight_decay: float = 0.02
    warm_up: float = 0.03
    """Share of the run in which the learning rate rises."""
    average_decay: float = 0.999
    temperature: float = 1 / 16
    negatives: int = 1024
    """Targets of other faces to tell each face from."""
    restoration_weight: float = 0.5
    clean_share: float = 0.25
    """Share of the crops that are misaligned only."""
    seed: int = 1


SAME_FACE = 0.999
"""Cosine of two targets that belong to one picture."""


class DegradedFaces(Dataset):
    """Endless pairs of (degraded, clean) crops, both (3, 112, 112) uint8 RGB, with the face's index."""

    def __init__(self, indices: np.ndarray, recipe: Recipe, first_draw: int = 0) -> None:
        self.faces, self.indices, self.recipe, self.first_draw = load_faces(), indices, recipe, first_draw
        self.ranges = DegradationRanges()

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, draw: int) -> tuple[Tensor, Tensor, int]:
        rng = np.random.default_rng((self.recipe.seed, self.first_draw + draw))
        index = int(self.indices[rng.integers(len(self.indices))])
        face = np.array(self.faces[index])
        if rng.random() < 0.5:
            face = np.ascontiguousarray(face[:, ::-1])
        # The restored face is to lie where the crop has it, so misalignment belongs to both.
        if rng.random() < self.ranges.misalignment:
            face = misalign(face, rng, self.ranges)
        clean = rng.random() < self.recipe.clean_share
        seen = face if clean else degrade(face, rng, replace(self.ranges, misalignment=0))
        return to_tensor(seen), to_tensor(face), index


def to_tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)))


def normalise(images: Tensor) -> Tensor:
    """uint8 0..255 to float -1..1."""
    return ((images.float() - 127.5) / 127.5).contiguous(memory_format=torch.channels_last)


def restoration_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean absolute error of pixels and of their horizontal and vertical differences, both (N, 3, H, W)."""
    error = restored.float() - clean
    return error.abs().mean() + error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()


def contrast_loss(embeddings: Tensor, targets: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of picking the own target, (N, D), among the batch's and the negatives, (M, D).

    The negatives are drawn from all faces: where one is the face's own target, it is left out.
    """
    candidates = torch.cat([targets, negatives])
    logits = embeddings @ candidates.T / temperature
    own = targets @ candidates.T > SAME_FACE
    own[:, : len(targets)].fill_diagonal_(False)
    return functional.cross_entropy(logits.masked_fill(own, -torch.inf), torch.arange(len(embeddings)))


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Linear warm-up, then a half cosine to a thousandth; progress in 0..1."""
    if progress < recipe.warm_up:
        return recipe.learning_rate * progress / recipe.warm_up
    return recipe.learning_rate * (0.001 + 0.999 * (1 + math.cos(math.pi * min(1.0, progress))) / 2)


def save(path: Path, network: nn.Module, recipe: Recipe, seen: int, history: list[dict[str, float]]) -> None:
    weights = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    torch.save(
        {"recipe": asdict(recipe), "seen": seen, "weights": weights, "history": history}, path.with_suffix(".part")
    )
    path.with_suffix(".part").replace(path)
    path.with_suffix(".json").write_text(json.dumps({"recipe": asdict(recipe), "history": history}, indent=1) + "\n")


@torch.no_grad()
def validate(network: nn.Module, targets: Tensor, indices: np.ndarray, recipe: Recipe) -> dict[str, float]:
    """Mean cosine to the target on held-out faces, clean and degraded by a fixed seed."""
    network.eval()
    faces, ranges, cosines = load_faces(), DegradationRanges(), {}
    for name in ("clean", "degraded"):
        rng, total = np.random.default_rng(7), 0.0
        for start in range(0, len(indices), 128):
            batch = indices[start : start + 128]
            seen = [faces[i] if name == "clean" else degrade(np.array(faces[i]), rng, ranges) for i in batch]
            embeddings, _ = network(normalise(torch.stack([to_tensor(s) for s in seen])))
            total += float((embeddings * targets[batch]).sum())
        cosines[name] = round(total / len(indices), 4)
    network.train()
    return cosines


def train(recipe: Recipe, out: Path, resume: Path | None = None) -> None:
    torch.manual_seed(recipe.seed)
    targets = torch.from_numpy(load_targets())
    training, held_out = split(len(targets))
    network = NETWORKS[recipe.network]()
    history: list[dict[str, float]] = []
    seen_before = 0
    if resume:
        checkpoint = torch.load(resume, weights_only=True)
        network.load_state_dict(checkpoint["weights"])
        seen_before, history = checkpoint["seen"], checkpoint["history"]
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's overloads
    decay = swa_utils.get_ema_multi_avg_fn(recipe.average_decay)  # type: ignore[no-untyped-call]
    average = swa_utils.AveragedModel(network, multi_avg_fn=decay, use_buffers=True)
    optimisers = make_optimisers(network, recipe.weight_decay)
    loader = DataLoader(DegradedFaces(training, recipe, seen_before), recipe.batch, num_workers=1, prefetch_factor=8)
    started = reported = time.monotonic()
    for step, (seen, clean, index) in enumerate(loader):
        progress = (time.monotonic() - started) / 60 / recipe.minutes
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(recipe, progress)
        target = targets[index]
        negatives = targets[torch.from_numpy(np.random.default_rng(step).choice(training, recipe.negatives))]
        with torch.autocast("cpu", torch.bfloat16):
            embeddings, features = network(normalise(seen))
            restored = None if network.restore is None else network.restore(features)  # type: ignore[operator]
        restoration = restoration_loss(restored, normalise(clean)) if restored is not None else torch.zeros(())
        cosine = (embeddings * target).sum(1).mean()
        contrast = contrast_loss(embeddings, target, negatives, recipe.temperature)
        loss = 2 * (1 - cosine) + contrast + recipe.restoration_weight * restoration
        network.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        for optimiser in optimisers:
            optimiser.step()
        average.update_parameters(network)
        if step % 50 == 0:
            logger.info(
                "step %d faces %d progress %.3f cosine %.4f contrast %.3f restoration %.4f",
                *(step, step * recipe.batch, progress, cosine.item(), contrast.item(), restoration.item()),
            )
        if progress >= 1 or time.monotonic() - reported > 300:
            reported = time.monotonic()
            scores = validate(average.module, targets, held_out, recipe)
            faces_seen = seen_before + step * recipe.batch
            history.append({"faces": faces_seen, "minutes": round(progress * recipe.minutes, 1), **scores})
            logger.info("held out: %s", history[-1])
            save(out, average.module, recipe, faces_seen, history)
        if progress >= 1:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help="its peak")
    parser.add_argument("--resume", type=Path, help="start from these weights")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    out = args.out or RUNS / f"{args.network}.pt"
    out.parent.mkdir(parents=True, exist_ok=True)
    train(Recipe(args.network, args.minutes, learning_rate=args.learning_rate), out, args.resume)


if __name__ == "__main__":
    main()

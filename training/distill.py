"""Distils the teachers into a network that sees degraded faces.

    python -m training.distill training/recipes/deconv_v0.toml

The student gets the crop as a camera might have delivered it, the teachers saw the clean one. Loss = cosine to
the target + contrast against targets of other faces + restoration of the clean crop (training/losses.py). Every few
minutes the weights' running average is validated and saved. A run that was killed goes on where it was when the same
command is given again; `--start FILE` begins a new run from given weights.
"""

import argparse
import csv
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import swa_utils
from torch.utils.data import DataLoader

from training.checkpoints import Progress, load_run, load_weights, save_run, save_weights
from training.data import DegradedFaces
from training.degrade import DegradationRanges, degrade
from training.faces import load_faces, split
from training.losses import contrast_loss, restoration_loss
from training.networks import NETWORKS
from training.optimisers import cosine_with_warm_up, make_optimisers
from training.paths import RUNS
from training.recipe import Recipe, TrainingError
from training.teachers import load_targets
from training.tensors import normalise, to_tensor

logger = logging.getLogger(__name__)

LOG_STEPS = 50


@torch.no_grad()
def validate(network: nn.Module, targets: Tensor, indices: np.ndarray) -> dict[str, float]:
    """Mean cosine to the target on held-out faces, clean and degraded by a fixed seed."""
    network.eval()
    faces, ranges, cosines = load_faces(), DegradationRanges(), {}
    device = next(network.parameters()).device
    for name in ("clean", "degraded"):
        rng, total = np.random.default_rng(7), 0.0
        for start in range(0, len(indices), 128):
            batch = indices[start : start + 128]
            seen = [faces[i] if name == "clean" else degrade(np.array(faces[i]), rng, ranges) for i in batch]
            embeddings, _ = network(normalise(torch.stack([to_tensor(s) for s in seen]).to(device)))
            total += float((embeddings.cpu() * targets[batch]).sum())
        cosines[name] = round(total / len(indices), 4)
    network.train()
    return cosines


class Run:
    """One training run.

    Args:
        recipe: what to do.
        out: where the averaged weights go; the run's state lies beside it, as `.run`, until the run is finished.
        start: weights to begin from.
        device: `cpu` or `cuda`.
    """

    def __init__(self, recipe: Recipe, out: Path, start: Path | None = None, device: str = "cpu") -> None:
        torch.manual_seed(recipe.seed)
        self._recipe, self._out, self._state_file = recipe, out, out.with_suffix(".run")
        self._device = torch.device(device)
        network: Any = NETWORKS[recipe.network]()  # Any: nn.Module knows neither `restore` nor this overload of `to`
        self._progress = load_weights(start, network) if start else Progress()
        self._network = network.to(self._device, memory_format=torch.channels_last)
        decay = swa_utils.get_ema_multi_avg_fn(recipe.average_decay)  # type: ignore[no-untyped-call]
        self._average = swa_utils.AveragedModel(self._network, multi_avg_fn=decay, use_buffers=True)
        self._optimisers = make_optimisers(self._network, recipe.weight_decay)
        if state := load_run(self._state_file, recipe):
            self._take_up(state)
        self._targets = torch.from_numpy(load_targets())
        self._training, self._held_out = split(len(self._targets))

    def finish(self) -> Progress:
        """Trains to the end of the recipe. Raises TrainingError: the loss is no number, or nothing can be written."""
        resumed_s, minutes_before = time.monotonic(), self._progress.minutes
        validated_s = resumed_s
        for seen, clean, index in self._batches():
            now_s = time.monotonic()
            self._progress.minutes = minutes_before + (now_s - resumed_s) / 60
            share = self._recipe.progress(self._progress.faces, self._progress.minutes)
            if share >= 1 or now_s - validated_s > self._recipe.validate_every_s:
                validated_s = now_s
                self._validate_and_save()
            if share >= 1:
                break
            figures = self._step(seen, clean, index, share)
            step = self._progress.faces // self._recipe.batch
            if step % LOG_STEPS == 0:
                self._log(figures, share)
            self._progress.faces += self._recipe.batch
        self._state_file.unlink(missing_ok=True)
        return self._progress

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        first = self._progress.faces_before + self._progress.faces
        dataset = DegradedFaces(self._training, self._recipe, first)
        yield from DataLoader(dataset, self._recipe.batch, num_workers=1, prefetch_factor=8)

    def _step(self, seen: Tensor, clean: Tensor, index: Tensor, share: float) -> dict[str, Tensor]:
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = cosine_with_warm_up(self._recipe.learning_rate, self._recipe.warm_up, share)
        # By faces seen: another run from the same place draws the same negatives.
        rng = np.random.default_rng((self._recipe.seed, self._progress.faces_before + self._progress.faces))
        others = torch.from_numpy(rng.choice(self._training, self._recipe.negatives))
        target, negatives = self._targets[index].to(self._device), self._targets[others].to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16):
            embeddings, features = self._network(normalise(seen.to(self._device)))
            restored = None if self._network.restore is None else self._network.restore(features)
        restoration = torch.zeros((), device=self._device)
        if restored is not None:
            restoration = restoration_loss(restored, normalise(clean.to(self._device)))
        cosine = (embeddings * target).sum(1).mean()
        contrast = contrast_loss(embeddings, target, negatives, self._recipe.temperature)
        loss = 2 * (1 - cosine) + contrast + self._recipe.restoration_weight * restoration
        self._network.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        for optimiser in self._optimisers:
            optimiser.step()
        self._average.update_parameters(self._network)
        return {"cosine": cosine, "contrast": contrast, "restoration": restoration}

    def _log(self, figures: dict[str, Tensor], share: float) -> None:
        values = {name: round(figure.item(), 4) for name, figure in figures.items()}
        if not all(map(math.isfinite, values.values())):
            raise TrainingError(f"the loss is no number any more: {values}. Go on from {self._out} at a lower rate")
        left = self._progress.minutes * (1 - share) / share if share else math.nan
        logger.info("faces %d, %.1f %%, %.0f min left: %s", self._progress.faces, 100 * share, left, values)
        self._append_metrics({"faces": self._progress.faces, "minutes": round(self._progress.minutes, 2), **values})

    def _append_metrics(self, row: dict[str, float]) -> None:
        """One line of a table; TensorBoard and spreadsheets read CSV."""
        path = self._out.with_suffix(".csv")
        self._out.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        with path.open("a", newline="") as table:
            writer = csv.DictWriter(table, row.keys())
            if is_new:
                writer.writeheader()
            writer.writerow(row)

    def _validate_and_save(self) -> None:
        progress = self._progress
        scores = validate(self._average.module, self._targets, self._held_out)
        seen = progress.faces_before + progress.faces
        progress.history = [
            *(progress.history or []),
            {"faces": seen, "minutes": round(progress.minutes, 1), **scores},
        ]
        logger.info("held out: %s", progress.history[-1])
        save_weights(self._out, self._average.module, self._recipe, progress)
        save_run(self._state_file, self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "recipe": self._recipe.as_dict(),
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "faces": self._progress.faces,
            "minutes": self._progress.minutes,
            "faces_before": self._progress.faces_before,
            "history": self._progress.history,
        }

    def _take_up(self, state: dict[str, Any]) -> None:
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self._progress = Progress(state["faces"], state["minutes"], state["faces_before"], state["history"])
        logger.info("taken up at %d faces, %.1f minutes", self._progress.faces, self._progress.minutes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--minutes", type=float, help="in place of the recipe's")
    parser.add_argument("--start", type=Path, help="begin from these weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        recipe = Recipe.read(args.recipe)
        if args.minutes is not None:
            recipe = replace(recipe, minutes=args.minutes)
        Run(recipe, args.out or RUNS / f"{recipe.network}.pt", args.start, args.device).finish()
    except TrainingError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()

"""Checkpoints: the averaged weights, small enough to commit, and a run's whole state, to go on after a kill."""

import glob
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from config.whole_files import READABLE, replacing
from training.recipe import Recipe, TrainingError


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    samples: int = 0
    """Seen in this run."""
    minutes: float = 0.0
    samples_before: int = 0
    """Seen by the weights that the run started from."""
    history: list[dict[str, float]] | None = None
    """Scores, oldest first, those before the run included."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def save_weights(path: Path, average: nn.Module, recipe: Recipe, progress: Progress) -> None:
    """Writes PATH (FP16 weights, what made them) and its .json. Raises TrainingError: the disk is full or the like."""
    weights = {k: v.half() if v.is_floating_point() else v for k, v in average.state_dict().items()}
    made = {"recipe": recipe.as_dict(), "seen": progress.samples_before + progress.samples, "history": progress.history}
    write_checkpoint(path, {**made, "weights": weights})


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Writes PATH, and all but the weights into its .json. Raises TrainingError. Args: as `read_weights` gives it."""
    _replace(path, checkpoint)
    made = {key: value for key, value in checkpoint.items() if key != "weights"}
    path.with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n")


def load_weights(path: Path, network: nn.Module) -> Progress:
    """Loads the weights of a checkpoint; returns what they have behind them, as the start of a new run.

    What the network has and the checkpoint's network had not begins untrained.

    Raises:
        TrainingError: it is missing, damaged, or of another architecture.
    """
    checkpoint = read_weights(path)
    try:
        if network.load_state_dict(checkpoint["weights"], strict=False).unexpected_keys:
            raise KeyError
        return Progress(samples_before=checkpoint["seen"], history=list(checkpoint["history"]))
    except (KeyError, RuntimeError) as error:
        made_by = checkpoint.get("recipe", {}).get("network", "another program")
        raise TrainingError(f"{path}: holds weights of {made_by}, not of this network. Name its recipe") from error


def save_run(path: Path, state: dict[str, Any]) -> None:
    """Writes all that a run needs to go on as if it had not been stopped."""
    _replace(path, state)


def load_run(path: Path, recipe: Recipe, start: str | None = None) -> dict[str, Any] | None:
    """Returns the state of an unfinished run of this very recipe and start, None if there is none.

    Args:
        path: of the run's state.
        recipe: that is to be done.
        start: SHA-256 of the weights that it is to start from, None: it starts from none.

    Raises:
        TrainingError: there is one of another recipe or start, or it is damaged.
    """
    if not path.exists():
        return None
    state = _load(path)
    if state.get("recipe") != recipe.as_dict():
        raise TrainingError(f"{path}: is of another recipe. Finish that run, delete the file, or give another --out")
    if state.get("start") != start:
        raise TrainingError(
            f"{path}: is of a run with another --start. Give that one to go on, delete the file, or give another --out"
        )
    return state


def read_weights(path: Path) -> dict[str, Any]:
    """Returns a checkpoint's `weights`, `recipe`, `seen` and `history`.

    Raises:
        TrainingError: it is missing or damaged, or a run's state instead.
    """
    checkpoint = _load(path)
    if missing := {"weights", "recipe", "seen", "history"} - checkpoint.keys():
        raise TrainingError(f"{path}: has no {', '.join(sorted(missing))}. Name a checkpoint of weights")
    return checkpoint


def sha256_of(path: Path) -> str:
    """Returns the digest of a checkpoint's file, which has been read before."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _load(path: Path) -> dict[str, Any]:
    try:
        # To the processor's memory: what a GPU trained is exported and measured where there is none.
        loaded: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror}). Name a checkpoint") from error
    except Exception as error:  # a damaged file makes torch and pickle raise whatever they please
        raise TrainingError(f"{path}: is damaged or no checkpoint. Use an older one") from error
    return loaded


def _replace(path: Path, content: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for part in path.parent.glob(f".{glob.escape(path.name)}.*"):
            part.unlink()  # of a run that was killed while it saved
        with replacing(path, READABLE) as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"{path}: cannot be written ({error}). Free some space; the last one is kept") from error

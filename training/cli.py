"""`deconvid train`, `deconvid eval` and `deconvid export`.

What they import needs the extra `training`, so they import it when they run. Where there is PyTorch and little else,
`python -m training.distill` and `python -m training.detection.train` train without this.
"""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from config.errors import DeconvIDError

FACES = "LFW is read from shared/data, or from $DECONVID_SHARED/data."

app = typer.Typer(
    help="Measure networks beside others, on Labeled Faces in the Wild.", no_args_is_help=True, add_completion=False
)


@contextmanager
def told() -> Iterator[None]:
    """Turns the project's own errors, and packages that are missing, into one line and exit code 1."""
    try:
        yield
    except DeconvIDError as error:
        message = str(error)
    except ModuleNotFoundError as error:
        message = f"the package {error.name} is missing. Run `pip install 'deconvid[training]'`"
    else:
        return
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)


def train(
    recipe: Annotated[Path, typer.Argument(help="What to train and how long (TOML), as in training/recipes.")],
    samples: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="In place of the recipe's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="In place of the recipe's.")] = None,
    start: Annotated[Path | None, typer.Option(help="Begin from these weights.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the weights go; unset: runs/RECIPE.pt.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; unset: the GPU, if there is one.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that make samples.")] = 1,
) -> None:
    """Train a network; a run that was killed goes on when the same command is given again."""
    with told():
        from training import distill
        from training.detection import train as detection
        from training.landmarks import train as landmarks
        from training.run import start_run

        network = _network_of(recipe)
        if network in detection.NETWORKS:
            begin = partial(start_run, recipe, detection.DetectorRecipe, detection.DetectorTraining)
        elif network in landmarks.NETWORKS:
            begin = partial(start_run, recipe, landmarks.LandmarkRecipe, landmarks.LandmarkTraining)
        else:
            begin = partial(start_run, recipe, distill.DistillRecipe, distill.Distillation)
        begin(samples=samples, minutes=minutes, seed=seed, start=start, out=out, device=device, workers=workers)


def _network_of(recipe: Path) -> str | None:
    try:
        return str(tomllib.loads(recipe.read_text(encoding="utf-8")).get("network"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None  # reading the recipe tells what is wrong with it


def export(
    weights: Annotated[Path, typer.Argument(help="Checkpoint of a training run.")],
    out: Annotated[Path, typer.Argument(help="Path without ending; .onnx and .toml are written.")],
) -> None:
    """Write a trained network as ONNX with its manifest, measured."""
    with told():
        from training import export as embedders
        from training.checkpoints import read_weights
        from training.detection import export as detectors
        from training.landmarks import export as landmarks
        from training.landmarks.train import NETWORKS as PLACERS
        from training.networks import NETWORKS
        from training.paths import with_ending

        checkpoint = read_weights(weights)
        network = checkpoint["recipe"]["network"]
        exporter = embedders if network in NETWORKS else landmarks if network in PLACERS else detectors
        exporter.export(checkpoint, out)
        typer.echo(with_ending(out, ".toml").read_text())


ModelsOption = Annotated[list[Path] | None, typer.Option("--models", help="Further folder with manifests.")]
OutOption = Annotated[Path, typer.Option(help="Path without ending: .json and more are written.")]


@app.command(epilog=FACES)
def embedders(
    names: Annotated[list[str], typer.Argument(help="Names of manifests, or of networks in shared/models.")],
    out: OutOption,
    detector: Annotated[str, typer.Option(help="Whose landmarks align the faces.")] = "finder_v1",
    models: ModelsOption = None,
) -> None:
    """Verification, identification, robustness and fairness: JSON and a page with plots."""
    with told():
        from training.evaluate import evaluate

        evaluate(names, detector, models or [], out)


@app.command(epilog=FACES)
def twins(
    checkpoints: Annotated[list[Path], typer.Argument(help="Of networks to compare, all seeds of each; ours first.")],
    out: OutOption,
    detector: Annotated[str, typer.Option(help="Whose landmarks align the faces.")] = "finder_v1",
    precision: Annotated[Literal["f32", "bf16"], typer.Option(help="bf16: in half the time.")] = "f32",
) -> None:
    """What one part of a network brings: differences with intervals over pictures and seeds, as JSON."""
    with told():
        from training.evaluate import DETECTOR_SIZE_PX
        from training.evaluation.twins import compare

        compare(checkpoints, detector, DETECTOR_SIZE_PX, out, precision)


@app.command()
def restoration(
    checkpoint: Annotated[Path, typer.Argument(help="Of a network that restores.")],
    out: OutOption,
) -> None:
    """What the restoration head draws of degraded faces: a picture to look at, and JSON."""
    with told():
        from training.evaluation.restoration import measure

        measure(checkpoint, out)


@app.command(epilog=FACES)
def detectors(
    out: OutOption,
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or paths of manifests, or of rivals; unset: the rivals.")
    ] = None,
    nobody: Annotated[
        str, typer.Option(envvar="DECONVID_NOBODY", help="Folders with pictures without faces, with colons between.")
    ] = "",
    every: Annotated[int, typer.Option(min=1, help="Of LFW's pictures one in so many is made small.")] = 16,
) -> None:
    """Landmarks, recall by size, false faces and speed: JSON and a contact sheet."""
    with told():
        from training.detection.evaluate import evaluate

        evaluate(names or [], [Path(folder) for folder in nobody.split(os.pathsep) if folder], every, out)

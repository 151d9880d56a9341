"""`deconvid models`: what networks there are, and how to get more."""

import json
import logging
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, err, out, print_table, told_errors
from daemon.exits import EXIT_FAILURE
from engine import ModelError
from engine.manifests import ModelSpec, list_models, models_home
from engine.packs import install_pack

logger = logging.getLogger(__name__)

app = typer.Typer(help="List and install networks.", no_args_is_help=True, add_completion=False)

MODEL_ZOO = "https://github.com/deepinsight/insightface/releases/tag/model-zoo"

SHOWN = ("name", "task", "licence", "dimension", "threshold", "source", "accuracy", "sha256")


@app.command("list")
def list_command(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the models that settings can name."""
    with told_errors():
        specs = list_models(_folders(config))
    if as_json:
        out.print_json(json.dumps([_shown(spec) for spec in specs]))
        return
    table = Table("name", "task", "installed", "licence", "dimension", "accuracy")
    for spec in specs:
        accuracy = "\n".join(f"{data}: {value}" for data, value in spec.accuracy.items())
        dimension = "" if spec.dimension is None else str(spec.dimension)
        table.add_row(*map(escape, (spec.name, spec.task, _installed(spec), spec.licence, dimension, accuracy)))
    print_table(table)


@app.command("install")
def install_command(
    pack: Annotated[str, typer.Argument(help="Name of the model pack, such as buffalo_s.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Take the pack from this folder, .zip or .onnx file instead of the network."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Install here (a folder that `models` of the configuration names), not for you or, as root, everybody."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the licence without being asked.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Install a model pack, checked by digest."""
    with told_errors():
        specs = _models_of(pack, _folders(config))
        _agree_to_licence(pack, specs, yes)
        with _fetched(pack) if source is None else _given(source) as origin:
            install_pack(specs, origin, to or models_home())
    for spec in specs:
        out.print(f"{spec.name}: installed, SHA-256 {spec.sha256}", soft_wrap=True, highlight=False)


def _installed(spec: ModelSpec) -> Literal["yes", "no", "altered"]:
    if not spec.installed:
        return "no"
    try:
        spec.verified_path()
    except ModelError:
        return "altered"
    return "yes"


def _shown(spec: ModelSpec) -> dict[str, object]:
    """What machines read about a model; installed means that its file has the right digest."""
    return {"installed": _installed(spec) == "yes"} | {key: getattr(spec, key) for key in SHOWN}


def _folders(config: Path) -> tuple[Path, ...]:
    """Returns the folders that the configuration adds; without a configuration, none."""
    return load_settings(config, secrets=False).models if config != DEFAULT_CONFIG or os.path.exists(config) else ()


def _models_of(pack: str, folders: tuple[Path, ...]) -> list[ModelSpec]:
    packs: dict[str, list[ModelSpec]] = defaultdict(list)
    for spec in list_models(folders):
        if spec.pack:
            packs[spec.pack].append(spec)
    if pack not in packs:
        raise ModelError(f"model pack {pack!r} is unknown. Known are {', '.join(packs)}")
    return packs[pack]


def _agree_to_licence(pack: str, specs: list[ModelSpec], yes: bool) -> None:
    for spec in specs:
        terms = f"{spec.name} ({spec.file} of {pack})\n  licence: {spec.licence}\n  source: {spec.source}"
        err.print(terms, soft_wrap=True, markup=False)
    if not yes and not _asked("Do you accept the licence? [y/N] "):
        err.print("nothing installed")
        raise typer.Exit(EXIT_FAILURE)


def _asked(question: str) -> bool:
    """Asks on stderr; no answer is a no."""
    err.print(question, end="", markup=False)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def _given(source: Path) -> Iterator[Path]:
    if not source.exists():
        raise ModelError(f"{source}: does not exist. Give --from a folder, a .zip or an .onnx file")
    yield source


@contextmanager
def _fetched(pack: str) -> Iterator[Path]:
    """Downloads the pack by insightface into a folder that vanishes afterwards."""
    err.print(f"fetching {pack} from github.com ...")
    with tempfile.TemporaryDirectory(prefix="deconvid-") as folder:
        with redirect_stdout(sys.stderr):  # insightface prints; stdout is for our result
            from insightface.utils.storage import ensure_available

            try:
                path = ensure_available("models", pack, root=folder)
            except Exception as error:  # requests, zipfile and insightface have no common type of error
                logger.debug("pack_fetch_failed pack=%s", pack, exc_info=True)
                raise ModelError(
                    f"model pack {pack}: cannot be fetched from github.com ({_reason(error)}). Check the network, or "
                    f"fetch {pack}.zip from {MODEL_ZOO} elsewhere and run "
                    f"`deconvid models install {pack} --from {pack}.zip`"
                ) from error
        yield Path(path)


def _reason(error: BaseException) -> str:
    """Returns the innermost cause in one line: requests wraps what happened three times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error).splitlines()[0] if str(error) else type(error).__name__

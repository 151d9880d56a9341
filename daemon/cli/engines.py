"""`deconvid engines`: what TensorRT compiled for this machine's GPU."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config import DeconvIDError, Settings, load_settings
from daemon.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    counted,
    err,
    out,
    print_table,
    set_up_logging,
    told_errors,
)
from daemon.exits import EXIT_FAILURE
from daemon.private_files import give_to_owner_of
from engine import RuntimeUnavailableError
from engine.errors import PlanError
from engine.manifests import ModelSpec, find_model, list_models
from engine.runtimes.crops import crop_network
from engine.runtimes.tensorrt.compile import compile_apart
from engine.runtimes.tensorrt.plans import ForeignPlanError, PlanRecord, PlanStore
from engine.runtimes.tensorrt.states import EVERY_FLAVOUR, TensorRtState, find_state

app = typer.Typer(
    help="List, build, verify and clear what TensorRT compiled.", no_args_is_help=True, add_completion=False
)


@app.command("list")
def list_command(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the compiled networks, and which of them this machine uses."""
    with told_errors():
        settings = _settings(config)
        records = PlanStore(settings.plans_folder).records()
        names = _names(settings)
    ready = _ready(_states())
    shown = [_shown(record, names, ready) for record in records]
    if as_json:
        out.print_json(json.dumps(shown))
        return
    table = Table("model", "TensorRT", "GPU", "batches", "cosine", "built", "used here")
    for plan in shown:
        table.add_row(*(escape(str(plan[key])) for key in ("model", "tensorrt", "gpu", "batches", "cosine", "built")),
                      "yes" if plan["used"] else "no")  # fmt: skip
    print_table(table)


@app.command()
def build(
    model: Annotated[str | None, typer.Argument(help="An embedder; the configured one if not given.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Compile a network now, so that the daemon need not when it starts. Takes up to some minutes."""
    set_up_logging("warning")
    with told_errors():
        settings = _settings(config)
        spec = find_model(model or settings.embedding.model, settings.models)
        state = _needed(_states())
        store = PlanStore(settings.plans_folder)
        with err.status(f"compiling {spec.name} ...") as status:
            compile_apart(
                state.flavour, crop_network(spec), store.folder, tell=lambda line: status.update(escape(line))
            )
        for path in (store.folder, *store.folder.iterdir()):
            give_to_owner_of(settings.state, path)
        record = next(record for record in store.records() if record.key.network == spec.sha256)
    out.print(f"{spec.name}: compiled in {record.seconds:.0f} s, least cosine to FP32 {record.least_cosine:.5f}")


@app.command()
def verify(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check every compiled network's files, and those of this GPU by running them beside the processor."""
    faults = 0
    with told_errors():
        settings = _settings(config)
        store, names, ready = PlanStore(settings.plans_folder), _names(settings), _ready(_states())
        for record in store.records():
            is_sound, found = _verified(store, record, names.get(record.key.network), ready)
            faults += not is_sound
            sign = "[green]✓[/green]" if is_sound else "[red]✗[/red]"
            out.print(f"{sign} {escape(_title(record, names))}: {escape(found)}", soft_wrap=True)
    if faults:
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def clear(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Delete all compiled networks. They are built again when they are needed; a daemon that runs keeps its own."""
    with told_errors():
        count = PlanStore(_settings(config).plans_folder).clear()
    out.print(f"{counted(count, 'plan')} deleted")


def _settings(config: Path) -> Settings:
    """Returns the configuration; without one, the defaults."""
    there = config != DEFAULT_CONFIG or os.path.exists(config)
    return load_settings(config, secrets=False) if there else Settings()


def _names(settings: Settings) -> dict[str, ModelSpec]:
    return {spec.sha256: spec for spec in list_models(settings.models)}


def _states() -> list[TensorRtState]:
    return [find_state(flavour) for flavour in EVERY_FLAVOUR]


def _ready(states: list[TensorRtState]) -> TensorRtState | None:
    return next((state for state in states if state.state == "ready"), None)


def _needed(states: list[TensorRtState]) -> TensorRtState:
    ready = _ready(states)
    if ready is None:
        told = "; ".join(f"{state.flavour}: {state.state} ({state.detail}). {state.fix}" for state in states)
        raise RuntimeUnavailableError(f"TensorRT cannot be used here: {told}")
    return ready


def _used(record: PlanRecord, ready: TensorRtState | None) -> bool:
    if ready is None or ready.gpu is None:
        return False
    key, sm = record.key, f"{ready.gpu.sm[0]}.{ready.gpu.sm[1]}"
    return (key.flavour, key.version, key.gpu, key.sm) == (ready.flavour, ready.version, ready.gpu.name, sm)


def _title(record: PlanRecord, names: dict[str, ModelSpec]) -> str:
    spec, key = names.get(record.key.network), record.key
    return f"{spec.name if spec else 'unknown model'} on {key.gpu}, {key.flavour} {key.version}"


def _shown(record: PlanRecord, names: dict[str, ModelSpec], ready: TensorRtState | None) -> dict[str, object]:
    key, spec = record.key, names.get(record.key.network)
    return {
        "model": spec.name if spec else f"unknown {key.network[:12]}",
        "tensorrt": f"{key.flavour} {key.version}",
        "gpu": f"{key.gpu} ({key.sm})",
        "batches": " ".join(map(str, key.sizes)),
        "cosine": round(record.least_cosine, 5),
        "built": datetime.fromtimestamp(record.built_at, UTC).isoformat(timespec="seconds"),
        "used": _used(record, ready),
        "key": asdict(key),
    }


def _verified(
    store: PlanStore, record: PlanRecord, spec: ModelSpec | None, ready: TensorRtState | None
) -> tuple[bool, str]:
    """Returns whether a plan is sound, and what was found."""
    try:
        store.trusted(record.key)
    except ForeignPlanError:
        return True, "its files are as they were built; nobody but their owner, the service's user, runs them"
    except (OSError, PlanError):
        store.delete(record.key)
        return False, "its files were damaged and are deleted; it is built again when it is needed"
    if spec is None or ready is None or not _used(record, ready):
        return True, "as it was built"
    from engine.runtimes.tensorrt.building import check_again  # imports CUDA
    from engine.runtimes.tensorrt.site import Site

    try:
        check_again(Site.find(ready.flavour, store.folder), crop_network(spec))
    except DeconvIDError as error:
        return False, str(error)
    return True, "as it was built"

"""`deconvid bench`: measurements of this machine and this installation."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.common import out, set_up_logging, told_errors
from daemon.exits import EXIT_FAILURE

app = typer.Typer(help="Measure this installation on this machine.", no_args_is_help=True, add_completion=False)


MODELS = ("centerface", "deconv_v1")
"""Of the daemon that is soaked: the defaults."""


@app.callback()
def bench() -> None:
    # Typer makes a program of a single command; a callback keeps `bench soak` two words.
    pass


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(min=1, help="How long.")] = 30,
    cameras: Annotated[int, typer.Option(min=2, max=16, help="Simulated cameras.")] = 2,
    faults: Annotated[Path | None, typer.Option(help="List of faults (TOML); unset: the default one.")] = None,
    report: Annotated[Path, typer.Option(help="Path without ending: .json and .html are written.")] = Path("soak"),
) -> None:
    """Run the daemon on simulated cameras, hurt it on schedule, and judge how it bore that."""
    from daemon.soak.faults import KINDS
    from daemon.soak.page import page
    from daemon.soak.record import record
    from daemon.soak.schedule import DEFAULT, read_faults
    from daemon.soak.soak import soak as run_soak

    set_up_logging()
    with told_errors():
        result = run_soak(minutes, cameras, read_faults(faults or DEFAULT, set(KINDS)))
    command = f"deconvid {' '.join(sys.argv[1:])}"
    report.with_suffix(".json").write_text(record(result, command, MODELS))
    report.with_suffix(".html").write_text(page(result, command))
    out.print(
        f"{result.events} events: {result.lost} lost, {result.doubled} doubled, {result.out_of_order} out of order; "
        f"{len(result.wrong_names)} wrong names; p95 {result.latency_p95_ms:.0f} ms"
    )
    if not result.passed:
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def match(
    faces: Annotated[list[int] | None, typer.Option(min=100, help="How many; may be repeated.")] = None,
    memory: Annotated[float, typer.Option(min=0.5, help="Gigabytes that it may take.")] = 12,
    report: Annotated[Path, typer.Option(help="Path without ending: .json is written.")] = Path("match"),
) -> None:
    """Search for faces among many, beside the libraries of the `bench` extra that are installed."""
    from daemon.bench.match import MatchBench
    from daemon.bench.record import match_record

    found = MatchBench(memory, lambda doing: print(doing, file=sys.stderr, flush=True)).run(
        faces or [1_000, 10_000, 100_000, 1_000_000]
    )
    report.with_suffix(".json").write_text(match_record(found, f"deconvid {' '.join(sys.argv[1:])}"))
    for speed in found.speeds:
        out.print(
            f"{speed.faces:>9} faces, batch {speed.batch:2}: {speed.library:>10} {speed.precision} "
            f"{speed.median_ms:9.2f} ms, {speed.bandwidth_share:4.0%} of the memory's bandwidth"
        )

"""`deconvid bench`: measurements of this machine and this installation."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from config import Settings
from daemon.cli.common import JsonOption, counted, out, set_up_logging, told_errors
from daemon.exits import EXIT_FAILURE
from engine.manifests import find_model

if TYPE_CHECKING:
    from daemon.bench.engine_bench import EngineReport

app = typer.Typer(help="Measure this installation on this machine.", no_args_is_help=True, add_completion=False)


ThreadsOption = Annotated[int, typer.Option(min=0, help="Of each network; 0 = all cores.")]
SecondsOption = Annotated[float, typer.Option(min=0.01, help="For each figure.")]
RivalsOption = Annotated[
    Path | None,
    typer.Option(help="Folder with InsightFace's det_500m.onnx and w600k_mbf.onnx; unset: the installed buffalo_s."),
]


@app.callback()
def bench() -> None:
    # Typer makes a program of a single command; a callback keeps `bench soak` two words.
    pass


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(min=1, help="How long.")] = 30,
    cameras: Annotated[int, typer.Option(min=2, max=16, help="Simulated cameras.")] = 2,
    faults: Annotated[Path | None, typer.Option(help="List of faults (TOML); unset: the default one.")] = None,
    calm: Annotated[bool, typer.Option("--calm", help="No faults: how the load alone is borne.")] = False,
    report: Annotated[Path, typer.Option(help="Path without ending: .json and .html are written.")] = Path("soak"),
) -> None:
    """Run the daemon on simulated cameras, hurt it on schedule, and judge how it bore that."""
    from daemon.soak.faults import KINDS
    from daemon.soak.page import page
    from daemon.soak.record import record
    from daemon.soak.schedule import DEFAULT, read_faults
    from daemon.soak.soak import soak as run_soak

    defaults = Settings()
    models = (defaults.detection.model, defaults.embedding.model)

    if calm and faults:
        raise typer.BadParameter("there are none with --calm", param_hint="--faults")
    set_up_logging()
    with told_errors():
        result = run_soak(minutes, cameras, [] if calm else read_faults(faults or DEFAULT, set(KINDS)))
    command = _command()
    report.with_suffix(".json").write_text(record(result, command, models))
    report.with_suffix(".html").write_text(page(result, command))
    out.print(
        f"{result.events} events: {result.lost} lost, {result.doubled} doubled, {result.out_of_order} out of order; "
        f"{len(result.wrong_names)} wrong names; p95 {result.latency_p95_ms:.0f} ms"
    )
    for failure in result.failures:
        out.print(f"[red]failed:[/] {failure}")
    if not result.passed:
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def match(
    faces: Annotated[list[int] | None, typer.Option(min=100, help="How many; may be repeated.")] = None,
    memory: Annotated[float, typer.Option(min=0.5, help="Gigabytes that it may take.")] = 12,
    report: Annotated[Path, typer.Option(help="Path without ending: .json is written.")] = Path("match"),
    as_json: JsonOption = False,
) -> None:
    """Search for faces among many, beside the libraries of the `bench` extra that are installed."""
    from daemon.bench.match import MatchBench
    from daemon.bench.record import match_record

    found = MatchBench(memory, _tell).run(faces or [1_000, 10_000, 100_000, 1_000_000])
    record = match_record(found, _command())
    report.with_suffix(".json").write_text(record)
    if as_json:
        typer.echo(record, nl=False)
        return
    for speed in found.speeds:
        out.print(
            f"{speed.faces:>9} faces, batch {speed.batch:2}: {speed.library:>10} {speed.precision} "
            f"{speed.median_ms:9.2f} ms, {speed.bandwidth_share:4.0%} of the memory's bandwidth"
        )


@app.command()
def embed(
    model: Annotated[str | None, typer.Option(help="Name of an embedder; unset: the default.")] = None,
    threads: ThreadsOption = 0,
    seconds: SecondsOption = 3,
    rivals: RivalsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed faces, beside plain ONNX Runtime, PyTorch and InsightFace."""
    from daemon.bench.embed import bench_embed
    from daemon.bench.engine_bench import EngineBench

    with told_errors():
        spec = find_model(model or Settings().embedding.model)
        _show(bench_embed(EngineBench(threads, seconds, rivals, _tell), spec), as_json)


@app.command()
def detect(
    model: Annotated[list[str] | None, typer.Option(help="Name of a detector; may be repeated.")] = None,
    size: Annotated[int, typer.Option(min=96, help="Longer side of the picture.")] = 640,
    threads: ThreadsOption = 0,
    seconds: SecondsOption = 3,
    rivals: RivalsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find faces, beside InsightFace's detector."""
    from daemon.bench.detect import bench_detect
    from daemon.bench.engine_bench import EngineBench
    from daemon.bench.rivals import models_of

    with told_errors(), models_of(rivals) as folders:
        specs = [find_model(name, folders) for name in model or [Settings().detection.model]]
        _show(bench_detect(EngineBench(threads, seconds, rivals, _tell), specs, size), as_json)


@app.command()
def align(
    seconds: SecondsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Cut faces out of a camera's frame, beside InsightFace."""
    from daemon.bench.align import bench_align
    from daemon.bench.engine_bench import EngineBench

    with told_errors():
        _show(bench_align(EngineBench(1, seconds, None, _tell)), as_json)


@app.command()
def e2e(
    clips: Annotated[list[Path], typer.Argument(help="Video files.")],
    cameras: Annotated[int, typer.Option(min=1, max=64, help="How many play each clip.")] = 4,
    seconds: Annotated[float, typer.Option(min=1, help="How long each is watched.")] = 30,
    detector: Annotated[str | None, typer.Option(help="Name of a detector; unset: the default.")] = None,
    precision: Annotated[Literal["f32", "bf16"], typer.Option(help="Of both networks.")] = "f32",
    people: Annotated[Path | None, typer.Option(help="Folder with a photo of each person to enrol.")] = None,
    rivals: RivalsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the daemon on video files, beside a loop of OpenCV and InsightFace."""
    from daemon.bench.e2e import E2eBench
    from daemon.bench.record import engine_record

    with told_errors():
        report = E2eBench(cameras, seconds, detector, precision, people, rivals, _tell).run(clips)
    if as_json:
        typer.echo(engine_record(report, _command()), nl=False)
        return
    for each in report.figures:
        ours, loops = each.daemon, ", ".join(f"{loop.cpu_per_camera_s:.3f}" for loop in each.loops)
        out.print(
            f"{each.clip}: {ours.cpu_per_camera_s:.3f} processor seconds per camera second, "
            f"{counted(ours.cameras, 'camera')}, p95 {ours.latency_p95_ms:.0f} ms, "
            f"{counted(len(ours.people), 'name')}; InsightFace {loops or 'left out'}"
        )
    for who, why in report.skipped.items():
        out.print(f"left out: {who}: {why}", highlight=False, soft_wrap=True)


def _show(report: "EngineReport", as_json: bool) -> None:
    from daemon.bench.record import engine_record

    if as_json:
        typer.echo(engine_record(report, _command()), nl=False)
        return
    for each in report.figures:
        share = "" if each.share_of_peak is None else f", {each.share_of_peak:.0%} of peak"
        times = f"{each.median_ms:9.3f} ms (p95 {each.p95_ms:.3f}), {each.per_s:,.0f} a second{share}"
        out.print(f"{each.who:<36} {each.what:<18} {times}", highlight=False, soft_wrap=True)
    for who, why in report.skipped.items():
        out.print(f"left out: {who}: {why}", highlight=False, soft_wrap=True)


def _tell(doing: str) -> None:
    print(doing, file=sys.stderr, flush=True)


def _command() -> str:
    return f"deconvid {' '.join(sys.argv[1:])}"

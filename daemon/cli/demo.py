"""`deconvid demo`: simulated cameras, the real daemon, and a judgement of what it saw."""

import json
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daemon.cli.common import KIND_STYLES, JsonOption, err, out, told_errors
from daemon.cli.event_lines import json_of
from daemon.demo.cast import ENROLLED
from daemon.demo.play import Play, play
from daemon.demo.verdict import Verdict
from daemon.exits import EXIT_FAILURE
from daemon.frames import FrameCounts
from deconvid_client import Event

ROWS = 12
"""Newest events in the live table."""


def demo(
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="How long to watch [s].")] = 30,
    as_json: JsonOption = False,
) -> None:
    """Watch the daemon recognise two people among eight on two simulated cameras."""
    # A killed demo or a closed terminal must not leave a daemon behind: unwind as after Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    with told_errors(), tempfile.TemporaryDirectory(prefix="deconvid-") as folder:
        err.print("Setting up: two people are enrolled, two cameras are filmed ...")
        with play(Path(folder), seconds) as running:
            verdict = Verdict(running.scenes, [person for picture in ENROLLED for person in picture.people])
            watch(running, verdict, seconds, as_json)
            counts = running.counts()
            running.stop()
        lost = running.subscriber.lost
    if as_json:
        typer.echo(json.dumps({"summary": summary(verdict, counts, lost)}))
    else:
        show_summary(verdict, counts)
    if not verdict.succeeded:
        raise typer.Exit(EXIT_FAILURE)


def watch(running: Play, verdict: Verdict, seconds: float, as_json: bool) -> None:
    """Shows every event as it comes and lets the verdict see it."""
    if as_json:
        for event in running.events(seconds):
            if event:
                verdict.take(event)
                typer.echo(json_of(event))
        return
    kind = "RTSP on loopback" if running.over_rtsp else "video files (no GStreamer RTSP server here)"
    title = f"cameras {', '.join(running.scenes)}: {kind}"
    newest: list[Event] = []
    ends = time.monotonic() + seconds
    with Live(console=out, refresh_per_second=5) as live:
        for event in running.events(seconds):
            if event:
                verdict.take(event)
                newest = [*newest, event][-ROWS:]
                if not out.is_terminal:
                    out.print(row_text(event))
            left = max(0.0, ends - time.monotonic())
            live.update(Group(event_table(title, newest), Text(f"{left:.0f} s to go", style="dim")))
        live.update(event_table(title, newest) if out.is_terminal else Text())


def cells(event: Event) -> tuple[str, str, str, str, str, str]:
    """Returns what a row shows of an event."""
    data, who, score, latency = event.data, "", "", ""
    if event.kind == "camera.state":
        who = data["state"]
    elif event.kind.startswith("face.") and event.kind != "face.appeared":
        who = event.person.name if event.person else "nobody enrolled"
    if "latency_ms" in data:
        score = "" if data["score"] is None else f"{data['score']:.2f}"
        latency = f"{data['latency_ms']:.0f} ms"
    return data["published_at"][11:19], event.camera or "", event.kind, who, score, latency


def row_text(event: Event) -> Text:
    return Text("  ".join(cell.ljust(width) for cell, width in zip(cells(event), (8, 9, 15, 16, 5, 8), strict=True)))


def event_table(title: str, events: list[Event]) -> Table:
    table = Table("time (UTC)", "camera", "event", "who", "score", "latency", title=title, title_justify="left")
    for event in events:
        table.add_row(*cells(event), style=KIND_STYLES.get(event.kind))
    return table


def summary(verdict: Verdict, counts: dict[str, FrameCounts], lost: int) -> dict[str, object]:
    return {
        "succeeded": verdict.succeeded,
        "identified": dict(verdict.identified),
        "unknown": dict(verdict.unknown),
        "wrong": verdict.wrong,
        "missing": verdict.missing,
        "latency_ms": asdict(verdict.latency) if verdict.latency else None,
        "frames": {camera: asdict(count) for camera, count in counts.items()},
        "events_lost": lost,
    }


def show_summary(verdict: Verdict, counts: dict[str, FrameCounts]) -> None:
    for person in verdict.enrolled:
        times = verdict.identified[person]
        out.print(f"[green]✓[/green] {person}: identified {times} x" if times else f"[red]✗[/red] {person}: never")
    strangers = [person for person in verdict.unknown if person not in verdict.enrolled]
    out.print(f"[green]✓[/green] {len(strangers)} strangers were seen and called unknown")
    for person in verdict.enrolled:
        if verdict.unknown[person]:
            out.print(f"[yellow]![/yellow] {person}: called unknown {verdict.unknown[person]} x")
    for mistake in verdict.wrong:
        out.print(f"[red]✗[/red] {mistake}")
    for camera, count in counts.items():
        dropped = ", ".join(f"{n} {reason}" for reason, n in count.dropped.items() if n) or "none"
        in_flight = f", {count.in_flight} in flight" if count.in_flight else ""
        out.print(
            f"{camera}: {count.captured} frames captured, {count.analysed} analysed, dropped: {dropped}{in_flight}"
        )
    if verdict.latency:
        out.print(f"capture to event: p50 {verdict.latency.p50:.0f} ms, p95 {verdict.latency.p95:.0f} ms")
    out.print("[green]The demo succeeded.[/green]" if verdict.succeeded else "[red]The demo failed.[/red]")

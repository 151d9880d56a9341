"""`deconvid events`: what the daemon says, now and before."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal, TextIO

import typer

from config import Settings
from config.errors import DeconvIDError
from daemon.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    err,
    out,
    running_settings,
    set_up_logging,
    told_errors,
)
from daemon.cli.event_lines import COLUMNS, json_of, line_of, row_of
from daemon.cli.moments import HELP, here_and_now, parse_moment, place_of, seek
from daemon.cli.presence import await_daemon, is_listening, requests_of
from daemon.events.json_schema import event_schema
from daemon.private_files import replacing_private
from deconvid_client import Cursor, Event, Requests, Subscriber

app = typer.Typer(
    help="Follow the daemon's events, look them up, export them.", no_args_is_help=True, add_completion=False
)

EXIT_INTERRUPTED = 130
"""As a shell tells that Ctrl-C ended a program."""

PATIENCE_S = 2.0
"""Silence after which it is said that nothing comes."""

CamerasOption = Annotated[list[str] | None, typer.Option("--camera", help="Only this camera's events; repeatable.")]
KindsOption = Annotated[
    list[str] | None, typer.Option("--kind", help="Only kinds that begin so: `face.`, `camera.state`; repeatable.")
]


@app.command()
def tail(
    config: ConfigOption = DEFAULT_CONFIG,
    camera: CamerasOption = None,
    kind: KindsOption = None,
    since: Annotated[str | None, typer.Option(help=f"Begin there instead of now. {HELP}")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print events as they come, each once, until Ctrl-C."""
    with _following():
        settings = running_settings(config)
        _warn_of_unknown(camera, settings)
        after = None
        if since is not None:
            await_daemon(settings)
            with Requests(settings.requests_endpoint) as requests, _told_values("--since"):
                after = place_of(since, requests, here_and_now())
        _follow(settings.events_endpoint, settings.requests_endpoint, kind, camera, after, as_json)


@app.command()
def replay(
    config: ConfigOption = DEFAULT_CONFIG,
    after: Annotated[int, typer.Option(min=0, help="Number of the last event that you have seen; 0: all.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    camera: CamerasOption = None,
    kind: KindsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the events that the daemon keeps."""
    with _following():
        settings = running_settings(config)
        _warn_of_unknown(camera, settings)
        if follow:
            _follow(settings.events_endpoint, settings.requests_endpoint, kind, camera, Cursor(None, after), as_json)
        with requests_of(settings) as requests:
            for event in _replayed(requests, Cursor(None, after), kind, camera):
                _print(event, as_json)


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; `-` is the standard output.")],
    config: ConfigOption = DEFAULT_CONFIG,
    begin: Annotated[str | None, typer.Option("--from", help=f"First moment. {HELP}")] = None,
    end: Annotated[str | None, typer.Option("--to", help="First moment that is left out.")] = None,
    format: Annotated[Literal["jsonl", "csv"], typer.Option(help="One JSON object a line, or a table.")] = "jsonl",
    camera: CamerasOption = None,
    kind: KindsOption = None,
) -> None:
    """Write the events of a span of time to a file that only you can read."""
    set_up_logging()
    with told_errors():
        settings, now = running_settings(config), here_and_now()
        _warn_of_unknown(camera, settings)
        with _told_values("--from, --to"):
            first, last = (None if text is None else parse_moment(text, now) for text in (begin, end))
        with requests_of(settings) as requests:
            place = Cursor(None, 0) if first is None else seek(requests, first)
            events = _replayed(requests, place, kind, camera)
            count = _write(target, format, (event for event in events if _is_between(event, first, last)))
    err.print(f"{count} events")


@app.command()
def schema() -> None:
    """Print the JSON Schema of all events, for programs that check them."""
    typer.echo(json.dumps(event_schema(), indent=1))


def _warn_of_unknown(cameras: list[str] | None, settings: Settings) -> None:
    """One that was removed since is no mistake: its events are still there."""
    for name in cameras or ():
        if name not in settings.cameras:
            there = ", ".join(settings.cameras) or "none"
            err.print(f"warning: no camera {name} is configured (there are: {there})", soft_wrap=True, markup=False)


@contextmanager
def _following() -> Iterator[None]:
    set_up_logging()
    try:
        with told_errors():
            yield
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None


@contextmanager
def _told_values(option: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _follow(
    endpoint: str,
    requests: str,
    kinds: list[str] | None,
    cameras: list[str] | None,
    after: Cursor | None,
    as_json: bool,
) -> None:
    is_listening(requests)  # who may not ask is told, and does not wait for ever
    with Subscriber(endpoint, requests, kinds=kinds or (), cameras=cameras or (), after=after) as subscriber:
        was_connected = True
        while True:
            event = subscriber.receive(PATIENCE_S)
            if event is not None:
                _print(event, as_json)
            if was_connected and not subscriber.is_connected:
                err.print(f"no daemon, waiting for events at {endpoint} (is `deconvid run` running?)", soft_wrap=True)
            was_connected = subscriber.is_connected


def _replayed(requests: Requests, after: Cursor, kinds: list[str] | None, cameras: list[str] | None) -> Iterator[Event]:
    more = True
    while more:
        page = requests.replay(after, kinds=kinds or (), cameras=cameras or ())
        yield from page.events
        after, more = Cursor(page.epoch, page.through), page.more


def _print(event: Event, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json_of(event) + "\n")
        sys.stdout.flush()
    else:
        out.print(line_of(event), soft_wrap=True)


def _is_between(event: Event, first: datetime | None, last: datetime | None) -> bool:
    moment = event.captured_at
    return (first is None or moment >= first) and (last is None or moment < last)


def _write(target: Path, format: str, events: Iterable[Event]) -> int:
    write = _write_csv if format == "csv" else _write_lines
    if str(target) == "-":
        return write(sys.stdout, events)
    if target.exists() and not target.is_file():
        raise DeconvIDError(f"{target}: is no file. Say - for the standard output")
    try:
        # Who was where is nobody else's business; and the last export stays until there is a whole new one.
        with replacing_private(target) as file:
            text = TextIOWrapper(file, encoding="utf-8", newline="")
            count = write(text, events)
            text.detach()
            return count
    except OSError as error:
        raise DeconvIDError(f"{target}: cannot be written ({error.strerror}). Name another file") from error


def _write_lines(file: TextIO, events: Iterable[Event]) -> int:
    return sum(bool(file.write(json_of(event) + "\n")) for event in events)


def _write_csv(file: TextIO, events: Iterable[Event]) -> int:
    table = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
    table.writeheader()
    return sum(bool(table.writerow(row_of(event))) for event in events)

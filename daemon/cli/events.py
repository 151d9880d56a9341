"""`deconvid events`: what the daemon says."""

import sys
from typing import Annotated

import typer
from rich.markup import escape

from config import load_settings
from daemon.cli.common import (
    DEFAULT_CONFIG,
    KIND_STYLES,
    ConfigOption,
    JsonOption,
    err,
    out,
    set_up_logging,
    told_errors,
)
from daemon.events import AnyEvent, CameraChanged, Corrected, EventSubscriber, Left, encode_event

app = typer.Typer(help="Follow the daemon's events.", no_args_is_help=True)

EXIT_INTERRUPTED = 130
"""As a shell tells that Ctrl-C ended a program."""

PATIENCE_S = 1.0
"""Silence after which it is said that nothing comes."""


@app.callback()
def events() -> None:
    # Typer makes a program of a single command; a callback keeps `events tail` two words.
    pass


@app.command()
def tail(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
    camera: Annotated[str | None, typer.Option(help="Only this camera's events.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only events of this kind: identified, unknown, corrected, left or camera.")
    ] = None,
) -> None:
    """Print events as they are published, until Ctrl-C."""
    set_up_logging()
    if kind is not None and kind not in KIND_STYLES:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KIND_STYLES)}", param_hint="--kind")
    with told_errors():
        settings = load_settings(config, secrets=False)
        with EventSubscriber(settings.events_endpoint, camera) as subscriber:
            try:
                _print_events(subscriber, settings.events_endpoint, kind, as_json)
            except KeyboardInterrupt:
                raise typer.Exit(EXIT_INTERRUPTED) from None


def _print_events(subscriber: EventSubscriber, endpoint: str, kind: str | None, as_json: bool) -> None:
    event = subscriber.receive(PATIENCE_S)
    if event is None:
        err.print(f"waiting for events at {endpoint} (is `deconvid run` running?)", soft_wrap=True)
    while True:
        if event is not None and kind in (None, event.kind):
            _print_json(event) if as_json else _print_line(event)
        event = subscriber.receive(PATIENCE_S)


def _print_json(event: AnyEvent) -> None:
    sys.stdout.write(encode_event(event).decode() + "\n")
    sys.stdout.flush()


def _print_line(event: AnyEvent) -> None:
    moment = event.published_at[11:23]
    style = KIND_STYLES[event.kind]
    who = escape(_subject(event))
    out.print(
        f"[dim]{event.sequence:>6} {moment}[/dim]  {event.camera:<12} [{style}]{event.kind:<10}[/{style}] {who}",
        soft_wrap=True,
        highlight=False,
    )


def _subject(event: AnyEvent) -> str:
    if isinstance(event, CameraChanged):
        return f"{event.state} {event.detail}".strip()
    who = event.person.name if event.person else "unknown"
    score = "" if event.score is None else f"{event.score:.2f}"
    note = f"since {event.first_seen_at[11:19]}" if isinstance(event, Left) else f"{event.latency_ms:.0f} ms"
    if isinstance(event, Corrected):
        note += f"  corrects {event.corrects}"
    return f"{who:<24} {score:<5} {event.track or '':<12} {note}"

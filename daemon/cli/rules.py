"""`deconvid rules`: what would be told, and why not."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from config import ConfigError, Problem, load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, out, told_errors
from daemon.cli.moments import HELP, here_and_now, parse_moment
from daemon.rules import Rule, RuleState, Sighting, Verdict, sighting_of
from daemon.rules.book import make_rule
from daemon.store import Store

app = typer.Typer(help="Try the rules that decide what bridges deliver.", no_args_is_help=True, add_completion=False)

STYLES = {"told": "green", "held": "yellow", "quiet": "dim"}
PAGE = 1000


@app.callback()
def rules() -> None:
    # Typer makes a program of a single command; a callback keeps `rules try` two words.
    pass


@app.command("try")
def try_rule(
    name: Annotated[str, typer.Argument(help="Name of the rule in the configuration.")],
    since: Annotated[str, typer.Option(help=HELP)] = "1d",
    config: ConfigOption = DEFAULT_CONFIG,
    only_told: Annotated[bool, typer.Option("--told", help="Leave out what would not be delivered.")] = False,
) -> None:
    """Put the stored events through a rule: what would be delivered, what not, and why.

    The cooldown begins anew: the rule knows nothing of what was before.
    """
    with told_errors():
        settings = load_settings(config, secrets=False)
        if name not in settings.rules:
            names = ", ".join(settings.rules) or "none"
            raise ConfigError([Problem(f"rules.{name}", f"there is no such rule (there are: {names})", "Add it")])
        zone_problems = [zone for zone in settings.rules[name].zones if zone not in settings.zones]
        if zone_problems:
            raise ConfigError([Problem(f"rules.{name}.zones", f"there is no zone {zone_problems[0]}", "Add it")])
        with Store.to_read(settings) as store:
            counts = {"told": 0, "held": 0, "quiet": 0}
            for event, verdict in replay(make_rule(settings, name), _events(store, since), here_and_now()):
                counts[verdict.outcome] += 1
                if verdict.outcome == "told" or not only_told:
                    out.print(_line(event, verdict), soft_wrap=True)
    out.print(f"{counts['told']} would be delivered, {counts['quiet']} would not", style="bold")


def replay(rule: Rule, events: Iterator[Sighting], now: datetime) -> Iterator[tuple[Sighting, Verdict]]:
    """Yields what a rule says of a history, in the order in which it would say it."""
    state, held = RuleState(), dict[int, Sighting]()
    for event in events:
        state, released = rule.release(state, event.captured_at)
        yield from ((held.pop(verdict.sequence), verdict) for verdict in released)
        state, verdict = rule.feed(state, event)
        if verdict.outcome == "held":
            held[event.sequence] = event
        yield event, verdict
    for verdict in rule.release(state, now)[1]:
        yield held.pop(verdict.sequence), verdict


def _events(store: Store, since: str) -> Iterator[Sighting]:
    """Yields the stored events from a moment or a number on."""
    number = int(since) if since.isascii() and since.isdecimal() else None
    try:
        start = None if number is not None else parse_moment(since, here_and_now())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from None
    after = max(0, (number or 1) - 1)
    while page := store.events.since(after, PAGE):
        after = page[-1].sequence
        for stored in page:
            if start is None or stored.at >= start:
                try:
                    yield sighting_of(stored.payload)
                except msgspec.MsgspecError:
                    continue


def _line(event: Sighting, verdict: Verdict) -> Text:
    moment = event.captured_at.astimezone()
    who = event.person.name if event.person else "unknown" if event.is_word else ""
    return Text.assemble(
        (f"{event.sequence:>6} {moment:%m-%d %H:%M:%S}", "dim"),
        f"  {event.camera or '':<12} {event.kind:<16} {who:<20} ",
        (f"{verdict.outcome:<6}", STYLES[verdict.outcome]),
        verdict.reason,
        f" ({verdict.level})" if verdict.outcome == "told" else "",
    )

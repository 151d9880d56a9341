"""`deconvid bridges`: where events go besides the bus."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config import AnyBridge, ConfigError, Problem, Settings, load_settings
from daemon.bridges.dead import DeadLetter, DeadLetters
from daemon.bridges.making import dead_letters, destination, make_transport, position_file
from daemon.bridges.relay import make_parcel
from daemon.bridges.transport import RefusedError, Transport, UnreachableError
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, err, out, print_table, told_errors
from daemon.exits import EXIT_FAILURE
from daemon.operations.status import NoStatusError, read_status
from daemon.rules import Told
from daemon.store import Store, StoredEvent

app = typer.Typer(help="Send events to MQTT, webhooks and files.", no_args_is_help=True, add_completion=False)

NameArgument = Annotated[str, typer.Argument(help="Name of the bridge in the configuration.")]


@app.command("list")
def show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the bridges, how far each has come and what it could not deliver."""
    with told_errors():
        settings = load_settings(config, secrets=False)
        newest, epoch = _newest(settings)
        table = Table("bridge", "kind", "to", "rules", "delivered to", "waiting", "dead", "state")
        for name, bridge in settings.bridges.items():
            position = position_file(settings.state, name).load()
            known = position if position and position.epoch == epoch else None
            table.add_row(
                *(name, bridge.kind, escape(destination(bridge)), ", ".join(bridge.rules) or "every event"),
                *(str(known.sequence), str(newest - known.sequence)) if known else ("", ""),
                str(len(dead_letters(settings.state, name).all()) or ""),
                escape(_state(settings.runtime_folder, name)),
            )
        if settings.bridges:
            print_table(table)
        else:
            err.print("no bridge is configured; see docs/bridges.md")


@app.command("test")
def send_test(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Send a test message now, and say what happened."""
    with told_errors():
        transport = make_transport(name, _bridge(load_settings(config), name))
        try:
            out.print(f"[green]ok:[/green] {escape(transport.test())}", soft_wrap=True)
        finally:
            transport.close()


@app.command()
def dead(
    name: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    retry: Annotated[bool, typer.Option("--retry", help="Try to deliver them now.")] = False,
) -> None:
    """List the events that could not be delivered and were given up."""
    with told_errors():
        settings = load_settings(config, secrets=retry)
        bridge, letters = _bridge(settings, name), dead_letters(settings.state, name)
        with Store.to_read(settings) as store:
            if not retry:
                _list_dead(letters.all(), store)
                return
            left = _retry(name, bridge, letters, store)
    if left:
        raise typer.Exit(EXIT_FAILURE)


def _list_dead(letters: list[DeadLetter], store: Store) -> None:
    table = Table("event", "kind", "camera", "given up", "reason")
    for letter in letters:
        event = _event(store, letter)
        kind = event.kind if event else "deleted since"
        table.add_row(
            *(
                str(letter.sequence),
                kind,
                (event and event.camera) or "",
                letter.given_up_at[:19],
                escape(letter.reason),
            )
        )
    if letters:
        print_table(table)
    else:
        err.print("none")


def _retry(name: str, bridge: AnyBridge, letters: DeadLetters, store: Store) -> int:
    """Delivers what can be delivered; returns how many are left."""
    waiting, delivered = letters.all(), 0
    transport = make_transport(name, bridge)
    try:
        for letter in waiting:
            if event := _event(store, letter):
                _deliver(name, transport, store.epoch, letter, event)
            else:
                err.print(f"{letter.sequence}: the event was deleted since; forgotten")
            letters.remove([letter])
            delivered += event is not None
    except (UnreachableError, RefusedError) as error:
        err.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
    finally:
        transport.close()
    left = len(letters.all())
    out.print(f"{delivered} delivered, {left} left")
    return left


def _deliver(name: str, transport: Transport, epoch: str, letter: DeadLetter, event: StoredEvent) -> None:
    told = Told(letter.sequence, letter.rules, letter.level)
    transport.deliver([make_parcel(name, epoch, told, event)], [])


def _event(store: Store, letter: DeadLetter) -> StoredEvent | None:
    """Returns the event as it is now, None if it was deleted or is of another database."""
    found = store.events.since(letter.sequence - 1, 1) if letter.epoch == store.epoch else []
    return found[0] if found and found[0].sequence == letter.sequence else None


def _bridge(settings: Settings, name: str) -> AnyBridge:
    if name not in settings.bridges:
        names = ", ".join(settings.bridges) or "none"
        raise ConfigError([Problem(f"bridges.{name}", f"there is no such bridge (there are: {names})", "Add it")])
    return settings.bridges[name]


def _newest(settings: Settings) -> tuple[int, str]:
    if settings.store_url is None and not settings.database.exists():
        return 0, ""
    with Store.to_read(settings) as store:
        return store.events.newest(), store.epoch


def _state(runtime: Path, name: str) -> str:
    try:
        status = read_status(runtime)
    except NoStatusError:
        return "not running"
    age_s = datetime.now(UTC).timestamp() - status.written_wall_ns / 1e9
    worker = next((worker for worker in status.workers if worker.name == f"bridge-{name}"), None)
    if worker is None or age_s > 10:
        return "not running"
    return worker.ill or worker.state

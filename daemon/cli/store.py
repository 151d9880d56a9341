"""`deconvid store`: whether the database is sound, copies of it, and another master key."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, counted, err, out, told_errors
from daemon.cli.stores import actor, open_file, open_store
from daemon.errors import StoreError
from daemon.exits import EXIT_FAILURE
from daemon.store import MasterKey
from daemon.store.backup import copy_key_ring
from daemon.store.checkup import Check, examine
from daemon.store.moving import move as move_store

app = typer.Typer(help="Check and back up the identity store.", no_args_is_help=True, add_completion=False)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Read everything in the store: pages, keys, sealed rows, audit log."""
    checks = []
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        for found in examine(store):
            checks.append(found)
            if not as_json:
                _show(found)
    if as_json:
        typer.echo(json.dumps([asdict(found) for found in checks]))
    if any(found.faults for found in checks):
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(metavar="PATH", help="The backup; there must be no such file yet.")],
    keys: Annotated[
        Path | None, typer.Option(help="Copy the key ring here too, over its copy before; keep no older one.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy the database while the daemon runs. Without its key ring and the master key nobody can read a face in it."""
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        size = store.database.back_up(to)
        if keys is not None:
            copy_key_ring(store.vault.ring.path, keys)
    out.print(f"{escape(str(to))}: {size / 1e6:,.1f} MB, checked", soft_wrap=True)
    if keys is None:
        err.print("The key ring is not in it: keep one newest copy of that apart (--keys)", soft_wrap=True)


@app.command()
def move(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Copy the SQLite file into the empty database that `database_url` names. Stop the daemon first."""
    with told_errors():
        settings = load_settings(config, secrets=False)
        if settings.store_url is None:
            raise StoreError("database_url is not set: it names the PostgreSQL database to which the store moves")
        with open_file(settings) as source:
            moved = move_store(source, settings.store_url, actor())
    if as_json:
        typer.echo(json.dumps(asdict(moved)))
        return
    counts = ", ".join(f"{count} {name}" for name, count in moved.rows.items() if count)
    out.print(f"moved and compared: {counts or 'nothing'}", soft_wrap=True)
    out.print(f"audit log unbroken; newest digest {moved.audit_head or 'none'}", soft_wrap=True)
    err.print(
        "Start the daemon. Then delete identities.sqlite, which erasures do not reach any more; the key ring stays",
        soft_wrap=True,
    )


@app.command("exchange-key")
def exchange_key(
    to: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="The new key: file:PATH, env:NAME or credential:NAME.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Wrap everybody's key with a new master key. Stop the daemon first."""
    new = MasterKey(to)
    if new.kind not in ("file", "env", "credential") or not new.place:
        # What was given may be the key itself.
        raise typer.BadParameter("is no file:PATH, env:NAME or credential:NAME", param_hint="REFERENCE")
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        old, count = store.vault.master_key, store.exchange_master_key(new)
    out.print(f"{counted(count, 'key')} wrapped anew and checked", soft_wrap=True)
    err.print(
        f'Now put it where the old one was, or set privacy.master_key = "{escape(to)}"; start the daemon, copy the key '
        f"ring anew, and destroy the old {escape(str(old))} with every older copy of the ring",
        soft_wrap=True,
    )


def _show(found: Check) -> None:
    sign = "[red]✗[/red]" if found.faults else "[green]✓[/green]"
    out.print(f"{sign} {found.subject}: {escape(found.detail)}".rstrip(": "), soft_wrap=True)
    for fault in found.faults:
        out.print(f"  {escape(fault)}", soft_wrap=True)

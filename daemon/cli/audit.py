"""`deconvid audit`: who did what to whom."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, err, out, print_table, told_errors
from daemon.cli.stores import open_store
from daemon.exits import EXIT_FAILURE
from daemon.store.audit import AuditEntry

app = typer.Typer(help="Tell who changed what in the identity store.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_entries(
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many of the newest.")] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the newest changes, oldest of them first; people are told by their id."""
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        entries = store.audit.entries(last)
    if as_json:
        out.print_json(json.dumps([_json(entry) for entry in entries]))
        return
    table = Table("row", "when (UTC)", "who", "what", "whom", "detail")
    for entry in entries:
        when = f"{entry.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(*map(escape, (str(entry.sequence), when, entry.actor, entry.action, entry.subject, entry.detail)))
    if entries:
        print_table(table)
    else:
        err.print("nothing was changed yet")


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="A digest that an earlier run printed: it must still be there.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Recompute the chain of digests: was a row changed, removed or moved?"""
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        verdict = store.audit.verify(head)
    if as_json:
        out.print_json(json.dumps(asdict(verdict)))
    elif not verdict.faults:
        out.print(f"{verdict.count} rows, unbroken; newest digest {verdict.head or 'none'}", soft_wrap=True)
    for fault in () if as_json else verdict.faults:
        err.print(f"[red]error:[/red] {escape(fault)}", soft_wrap=True)
    if verdict.faults:
        raise typer.Exit(EXIT_FAILURE)


def _json(entry: AuditEntry) -> dict[str, object]:
    return asdict(entry) | {"at": entry.at.isoformat()}

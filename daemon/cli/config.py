"""`deconvid config`: what holds, and what may be set."""

import json
from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from config.origins import explain
from config.reference import settings_reference, settings_schema
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, print_table, told_errors

app = typer.Typer(help="Show the configuration and what may stand in it.", no_args_is_help=True, add_completion=False)


@app.command()
def show(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show every setting that holds and where it comes from; no secrets."""
    with told_errors():
        settings = explain(config)
    if as_json:
        typer.echo(json.dumps([asdict(setting) for setting in settings]))
        return
    table = Table("key", "value", "from")
    for setting in settings:
        value = "" if setting.value is None else json.dumps(setting.value, ensure_ascii=False)
        # As Text: what stands in the file is no markup.
        table.add_row(
            Text(setting.key), Text(value), setting.origin, style="dim" if setting.origin == "default" else ""
        )
    print_table(table)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    typer.echo(json.dumps(settings_schema(), indent=1))


@app.command()
def reference() -> None:
    """Print the reference of every setting in Markdown."""
    typer.echo(settings_reference())

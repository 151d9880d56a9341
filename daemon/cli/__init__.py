"""The command `deconvid`."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from daemon.cli.lazy import lazy_group

COMMANDS = {
    "run": "daemon.cli.run:run",
    "status": "daemon.cli.status:status",
    "reload": "daemon.cli.reload:reload",
    "check": "daemon.cli.check:check",
    "doctor": "daemon.cli.doctor:doctor",
    "cameras": "daemon.cli.cameras:app",
    "people": "daemon.cli.people:app",
    "events": "daemon.cli.events:app",
    "rules": "daemon.cli.rules:app",
    "bridges": "daemon.cli.bridges:app",
    "keys": "daemon.cli.keys:app",
    "models": "daemon.cli.models:app",
    "config": "daemon.cli.config:app",
    "bench": "daemon.cli.bench:app",
    "demo": "daemon.cli.demo:demo",
    "install": "daemon.cli.install:install",
    "uninstall": "daemon.cli.install:uninstall",
}
"""In the order in which they are listed; each is imported when it is used."""

app = typer.Typer(
    name="deconvid",
    cls=lazy_group(COMMANDS),
    help="Know who is in front of your cameras.",
    no_args_is_help=True,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold a password or an embedding
)


@app.callback()
def root(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if show_version:
        typer.echo(version("deconvid"))
        raise typer.Exit


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a name gets a question mark for it, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()

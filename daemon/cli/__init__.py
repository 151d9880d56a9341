"""The command `deconvid`."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from daemon.cli import check, config, demo, doctor, events, install, keys, models, people, run

app = typer.Typer(
    name="deconvid",
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


app.command()(run.run)
app.command()(check.check)
app.command()(doctor.doctor)
app.command()(demo.demo)
app.command()(install.install)
app.command()(install.uninstall)
app.add_typer(people.app, name="people")
app.add_typer(events.app, name="events")
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")
app.add_typer(config.app, name="config")


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a name gets a question mark for it, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()

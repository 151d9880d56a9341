"""The command `deconvid`."""

import typer

from daemon.cli import check, demo, events, models, people, run

app = typer.Typer(
    name="deconvid",
    help="Know who is in front of your cameras.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold a password or an embedding
)
app.command()(run.run)
app.command()(check.check)
app.command()(demo.demo)
app.add_typer(people.app, name="people")
app.add_typer(events.app, name="events")
app.add_typer(models.app, name="models")


def main() -> None:
    app()

"""The command `deconvid`."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from daemon.cli.lazy import Place, lazy_group

COMMANDS = {
    "run": Place("daemon.cli.run:run", "Run the daemon until SIGTERM, or until every video file has ended."),
    "status": Place("daemon.cli.status:status", "Show cameras, workers and what is wrong."),
    "reload": Place("daemon.cli.reload:reload", "Have the running daemon read its configuration again."),
    "check": Place("daemon.cli.check:check", "Tell every problem of a configuration: the key, its fault and the fix."),
    "doctor": Place("daemon.cli.doctor:doctor", "Examine machine, decoders, runtimes, folders and cameras."),
    "cameras": Place("daemon.cli.cameras:app", "List cameras, pause and resume them."),
    "people": Place("daemon.cli.people:app", "Add, list, rename and erase people."),
    "unknowns": Place("daemon.cli.unknowns:app", "List strangers who come back, name, merge, ignore and forget them."),
    "audit": Place("daemon.cli.audit:app", "Tell who changed what in the identity store."),
    "store": Place("daemon.cli.store:app", "Check and back up the identity store."),
    "calibrate": Place("daemon.cli.calibrate:app", "Show how sure names are, and what to do about whom."),
    "events": Place("daemon.cli.events:app", "Follow the daemon's events, look them up, export them."),
    "rules": Place("daemon.cli.rules:app", "Try the rules that decide what bridges deliver."),
    "bridges": Place("daemon.cli.bridges:app", "Send events to MQTT, webhooks and files."),
    "keys": Place("daemon.cli.keys:app", "Let programs on other machines in, and shut them out."),
    "models": Place("daemon.cli.models:app", "List and install networks."),
    "engines": Place("daemon.cli.engines:app", "List, build, verify and clear what TensorRT compiled."),
    "config": Place("daemon.cli.config:app", "Show the configuration and what may stand in it."),
    "bench": Place("daemon.cli.bench:app", "Measure this installation on this machine."),
    "train": Place(
        "training.cli:train", "Train a network; a run that was killed goes on when the same command is given again."
    ),
    "eval": Place("training.cli:app", "Measure networks beside others, on Labeled Faces in the Wild."),
    "export": Place("training.cli:export", "Write a trained network as ONNX with its manifest, measured."),
    "demo": Place(
        "daemon.cli.demo:demo", "Watch the daemon recognise two people among eight on two simulated cameras."
    ),
    "install": Place(
        "daemon.cli.install:install", "Install the systemd service: its unit, verified, and a first configuration."
    ),
    "uninstall": Place(
        "daemon.cli.install:uninstall", "Remove the systemd service; the configuration and the state stay."
    ),
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

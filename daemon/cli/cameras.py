"""`deconvid cameras`: which there are, and a rest for one of them."""

from typing import Annotated

import typer

from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, print_table, running_settings, told_errors
from daemon.cli.presence import ask_daemon
from daemon.cli.reload import local_actor, show
from daemon.cli.status import newest_status
from daemon.cli.status_table import camera_table
from daemon.operations.control import Request

app = typer.Typer(help="List cameras, pause and resume them.", no_args_is_help=True, add_completion=False)

PATIENCE_S = 10.0

CameraArgument = Annotated[str, typer.Argument(help="Its name in the configuration.")]


@app.command("list")
def list_cameras(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show each camera of the running daemon."""
    with told_errors():
        print_table(camera_table(newest_status(running_settings(config))))


@app.command()
def pause(camera: CameraArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Stop reading a camera until it is resumed or the daemon is restarted."""
    _tell("pause", camera, config)


@app.command()
def resume(camera: CameraArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Read a camera again: one that was paused, or that could not be opened."""
    _tell("resume", camera, config)


def _tell(command: str, camera: str, config: ConfigOption) -> None:
    with told_errors():
        request = Request("pause" if command == "pause" else "resume", camera, local_actor())
        show(ask_daemon(running_settings(config), request, PATIENCE_S))

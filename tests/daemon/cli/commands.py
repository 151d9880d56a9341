"""`deconvid` as a test runs it: in this process, on a configuration of its own."""

from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from daemon.cli import app

Deconvid = Callable[..., Result]


def deconvid_on(folder: Path, *command: str, settings: str = "") -> Deconvid:
    """Returns `run(*arguments, stdin="")`, with the state in FOLDER/state.

    Args:
        command: what every run begins with.
        settings: further lines of the configuration.
    """
    config = folder / "config.toml"
    config.write_text(f'state = "{folder}/state"\n{settings}')

    def run(*arguments: object, stdin: str = "") -> Result:
        environment = {"DECONVID_CONFIG": str(config), "COLUMNS": "200"}
        return CliRunner().invoke(app, [*command, *map(str, arguments)], input=stdin, env=environment)

    return run

"""What every command shares: options, consoles and how an error is told."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from config import ConfigError, DeconvIDError, LogSettings, Settings, read_settings
from daemon.exits import EXIT_FAILURE
from daemon.logs import set_up_logs
from deconvid_client import BusError

EXIT_CONFIG = 2

out = Console()
err = Console(stderr=True)

ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="DECONVID_CONFIG", help="Configuration file (TOML)."),
]
DEFAULT_CONFIG = Path("/etc/deconvid/config.toml")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


FOLDER_LINE = re.compile(r"""^[ \t]*(state|runtime)[ \t]*=[ \t]*["']([^"'\n\0]+)["']""", re.MULTILINE)

KIND_STYLES = {
    "face.appeared": "dim",
    "face.identified": "green",
    "face.unknown": "yellow",
    "face.corrected": "magenta",
    "face.left": "dim",
    "camera.state": "cyan",
    "gallery.changed": "blue",
    "stranger.named": "green",
}
"""How kinds of events look, in Rich's words; others look plain."""


def counted(count: int, thing: str) -> str:
    """Returns `1 photo`, `2 photos`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def running_settings(config: Path) -> Settings:
    """Returns what is needed to find the daemon that runs: also of a file that was broken since it started.

    Raises:
        ConfigError: the file cannot be read.
    """
    reading = read_settings(config, secrets=False)
    if reading.settings is not None:
        return reading.settings
    try:
        text = config.read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise ConfigError(reading.problems) from None
    head = re.split(r"^[ \t]*\[", text, maxsplit=1, flags=re.MULTILINE)[0]
    settings = Settings.model_validate(dict(FOLDER_LINE.findall(head)))
    for problem in reading.problems:
        err.print(f"[yellow]warning:[/yellow] {escape(str(problem))}", soft_wrap=True)
    err.print(f"Looking for the daemon in {escape(str(settings.runtime_folder))}", soft_wrap=True)
    return settings


@contextmanager
def told_errors() -> Iterator[None]:
    """Turns the project's own errors, and files that this user may not reach, into one message and an exit code."""
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            tell_error(problem)
        raise typer.Exit(EXIT_CONFIG) from error
    except (DeconvIDError, BusError) as error:
        tell_error(error)
        raise typer.Exit(EXIT_FAILURE) from error
    except BrokenPipeError:
        # The reader of our output went away (`| head`); Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(EXIT_FAILURE) from None
    except PermissionError as error:
        # Most often the service's own folder, and sudo was forgotten.
        if error.filename is None:
            raise
        tell_error(f"{error.filename}: {error.strerror}. Run this with sudo, or as the user to whom it belongs")
        raise typer.Exit(EXIT_FAILURE) from error


def tell_error(error: object) -> None:
    err.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)


def print_table(table: Table) -> None:
    """Shows people a table; gives `grep`, `cut` and files every cell whole, a line for each row, with tabs between."""
    if out.is_terminal:
        out.print(table)
        return
    rows = zip(*(column.cells for column in table.columns), strict=True)
    for cells in ([column.header for column in table.columns], *rows):
        typer.echo("\t".join(map(_plain, cells)))


def _plain(cell: RenderableType) -> str:
    text = cell if isinstance(cell, Text) else Text.from_markup(str(cell))
    return "; ".join(text.plain.splitlines())


def set_up_logging(level: Literal["info", "warning"] = "info") -> None:
    """Logs of a command to stderr."""
    set_up_logs("deconvid", LogSettings(level=level))

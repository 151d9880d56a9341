"""`deconvid status`: how the running daemon is."""

import os
import sys
import time
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace
from rich.console import Group
from rich.live import Live
from rich.table import Table

from config import DeconvIDError, Settings
from daemon.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    err,
    out,
    print_table,
    running_settings,
    told_errors,
)
from daemon.cli.presence import ask_daemon
from daemon.cli.status_table import COMING_OR_GOING, status_view
from daemon.exits import EXIT_ENDED, EXIT_FAILURE
from daemon.operations.control import NoAnswerError, Request
from daemon.operations.status import DaemonStatus, Ill, NoStatusError, read_status

EXIT_NO_DAEMON = 3
LONGEST_SILENCE_S = 10.0
"""Age of a status that the supervisor would have replaced."""
ANSWER_S = 2.0
"""In which a supervisor that lives answers."""


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again each second, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show cameras, workers and what is wrong.

    Exit: 0 all is well, 1 something is ill or the daemon is not up yet, 3 no daemon runs.
    """
    with told_errors():
        settings = running_settings(config)
        try:
            newest = newest_status(settings)
            if watch and not as_json:
                newest = _watch(settings, newest)
            else:
                _print_json(newest) if as_json else _print(status_view(newest, age_s=_age_s(newest)))
        except NoStatusError as error:
            err.print(f"no daemon: {error}", soft_wrap=True, markup=False)
            raise typer.Exit(EXIT_NO_DAEMON) from error
    raise typer.Exit(EXIT_FAILURE if newest.ills or newest.state in COMING_OR_GOING else EXIT_ENDED)


def newest_status(settings: Settings) -> DaemonStatus:
    """
    Raises:
        NoStatusError: there is none, or the daemon that wrote it is gone.
        DeconvIDError: a daemon runs whose status cannot be read.
    """
    try:
        found = read_status(settings.runtime_folder)
    except NoStatusError as error:
        if _answers(settings):
            fault = "the daemon runs, but has written no status that can be read"
            raise DeconvIDError(f"{fault} (just started, disk full, or of another version). Ask again") from error
        raise
    silent_s = _age_s(found)
    if not os.path.exists(f"/proc/{found.pid}"):
        raise NoStatusError(f"the daemon (pid {found.pid}) was killed. Start it again")
    if silent_s <= LONGEST_SILENCE_S:
        return found
    if not _answers(settings):
        raise NoStatusError(f"the daemon (pid {found.pid}) has said nothing for {silent_s:.0f} s. Restart it")
    old = f"the daemon runs but cannot write its status (disk full?): this one is {silent_s:.0f} s old"
    ill = Ill("status", "unwritten", old)
    return replace(found, ills=(*found.ills, ill))


def _age_s(found: DaemonStatus) -> float:
    return time.time() - found.written_wall_ns / 1e9


def _answers(settings: Settings) -> bool:
    try:
        return ask_daemon(settings, Request("status"), ANSWER_S).ok
    except NoAnswerError:
        return False


def _watch(settings: Settings, newest: DaemonStatus) -> DaemonStatus:
    with Live(status_view(newest), console=out, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(1)
                previous, newest = newest, newest_status(settings)
                live.update(status_view(newest, previous, _age_s(newest)), refresh=True)
        except KeyboardInterrupt:
            return newest


def _print(view: Group) -> None:
    for part in view.renderables:
        print_table(part) if isinstance(part, Table) else out.print(part, soft_wrap=True)


def _print_json(found: DaemonStatus) -> None:
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")

"""`deconvid status`: how the running daemon is."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.live import Live

from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, err, out, running_settings, told_errors
from daemon.cli.status_table import status_view
from daemon.exits import EXIT_ENDED, EXIT_FAILURE
from daemon.operations.status import DaemonStatus, NoStatusError, read_status

EXIT_NO_DAEMON = 3
LONGEST_SILENCE_S = 10.0
"""Age of a status that the supervisor would have replaced."""


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again each second, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show cameras, workers and what is wrong.

    Exit: 0 all is well, 1 something is ill or the daemon is not up yet, 3 no daemon runs.
    """
    with told_errors():
        runtime = running_settings(config).runtime_folder
        try:
            newest = _read(runtime)
            if watch and not as_json:
                newest = _watch(runtime, newest)
            else:
                _print_json(newest) if as_json else out.print(status_view(newest))
        except NoStatusError as error:
            err.print(f"no daemon: {error}", soft_wrap=True, markup=False)
            raise typer.Exit(EXIT_NO_DAEMON) from error
    raise typer.Exit(EXIT_FAILURE if newest.ills else EXIT_ENDED)


def _read(runtime: Path) -> DaemonStatus:
    """Raises NoStatusError: there is none, or the daemon that wrote it is gone."""
    found = read_status(runtime)
    silent_s = time.time() - found.written_wall_ns / 1e9
    if not os.path.exists(f"/proc/{found.pid}"):
        raise NoStatusError(f"the daemon (pid {found.pid}) was killed. Start it again")
    if silent_s > LONGEST_SILENCE_S:
        raise NoStatusError(f"the daemon (pid {found.pid}) has said nothing for {silent_s:.0f} s. Restart it")
    return found


def _watch(runtime: Path, newest: DaemonStatus) -> DaemonStatus:
    with Live(status_view(newest), console=out, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(1)
                previous, newest = newest, _read(runtime)
                live.update(status_view(newest, previous), refresh=True)
        except KeyboardInterrupt:
            return newest


def _print_json(found: DaemonStatus) -> None:
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")

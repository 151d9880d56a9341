"""`deconvid check`: every problem of a configuration, without running it."""

import json
from dataclasses import asdict

import typer
from rich.markup import escape

from config import read_settings
from daemon.cli.common import DEFAULT_CONFIG, EXIT_CONFIG, ConfigOption, JsonOption, counted, err, out


def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Tell every problem of a configuration: the key, its fault and the fix."""
    from daemon.checking import find_problems, find_source_problems, find_warnings

    reading = read_settings(config)
    settings, problems = reading.settings, list(reading.problems)
    if settings:
        problems += [*find_problems(settings), *find_source_problems(settings)]
        for warning in find_warnings(settings):
            err.print(f"[yellow]warning:[/yellow] {escape(str(warning))}", soft_wrap=True)
    if as_json:
        out.print_json(json.dumps([asdict(problem) for problem in problems]))
    else:
        for problem in problems:
            err.print(f"[red]error:[/red] {escape(str(problem))}", soft_wrap=True)
    if problems:
        raise typer.Exit(EXIT_CONFIG)
    if settings and not as_json:
        out.print(f"{config}: {counted(len(settings.cameras), 'camera')}, no problems", soft_wrap=True)

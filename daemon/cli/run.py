"""`deconvid run`: the daemon itself, in the foreground."""

import logging
from typing import Annotated

import typer

from config import ConfigError, load_settings
from daemon.checking import find_problems, find_source_problems
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, set_up_logging, told_errors
from daemon.supervisor import Supervisor

logger = logging.getLogger(__name__)


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    fast: Annotated[
        bool, typer.Option("--fast", help="Read video files as fast as they can be analysed, not in their own time.")
    ] = False,
) -> None:
    """Run the daemon until SIGTERM, or until every video file has ended."""
    set_up_logging()
    with told_errors():
        settings = load_settings(config)
        if problems := find_problems(settings):
            raise ConfigError(problems)
        for problem in find_source_problems(settings):
            logger.warning("source_missing %s", problem)  # it may come later; the other cameras go on without it
        raise typer.Exit(Supervisor(settings, fast).run())

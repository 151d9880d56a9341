"""`deconvid run`: the daemon itself, in the foreground."""

import logging
from typing import Annotated

import typer

from config import ConfigError, Settings, load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, tell_error, told_errors
from daemon.exits import EXIT_CANNOT_BOOT
from daemon.logs import set_up_logs
from daemon.logs.settings_secrets import secrets_of_settings

logger = logging.getLogger(__name__)


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    fast: Annotated[
        bool, typer.Option("--fast", help="Read video files as fast as they can be analysed, not in their own time.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log every detail, whatever `log.level` says.")
    ] = False,
) -> None:
    """Run the daemon until SIGTERM, or until every video file has ended."""
    from daemon.checking import find_problems, find_source_problems, find_warnings
    from daemon.store.errors import StoreUnusableError
    from daemon.supervisor import run_daemon

    def read() -> Settings:
        """Also sets up the log, which must know every secret before anything is said."""
        settings = load_settings(config)
        log = settings.log.model_copy(update={"level": "debug"}) if verbose else settings.log
        set_up_logs("supervisor", log, secrets_of_settings(settings))
        if problems := find_problems(settings):
            raise ConfigError(problems)
        return settings

    with told_errors():
        settings = read()
        for warning in find_warnings(settings):
            logger.warning("doubtful_setting %s", warning)
        for problem in find_source_problems(settings):
            logger.warning("source_missing %s", problem)  # it may come later; the other cameras go on without it
        try:
            raise typer.Exit(run_daemon(settings, fast, read, config))
        except StoreUnusableError as error:
            tell_error(error)
            raise typer.Exit(EXIT_CANNOT_BOOT) from error

"""`deconvid reload`: the changed configuration, without a restart."""

import os
from typing import Annotated

import typer
from rich.markup import escape

from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, err, out, running_settings, told_errors
from daemon.cli.presence import ask_daemon
from daemon.exits import EXIT_FAILURE
from daemon.operations.control import Answer, Request

QUESTION_S = 10.0
"""Reading the configuration again verifies the models, which takes a moment on a busy machine."""
RELOAD_S = 60.0


def reload(
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
) -> None:
    """Have the running daemon read its configuration again."""
    with told_errors():
        settings = running_settings(config)
        differences = ask_daemon(settings, Request("reload", actor=local_actor(), dry_run=True), QUESTION_S)
        if differences.ok or dry_run:
            show(differences)
        if dry_run:
            return
        # Also what will be refused: the daemon tells of a refused reload in its status and its events.
        answer = ask_daemon(settings, Request("reload", actor=local_actor()), RELOAD_S)
        if not answer.ok or answer.message != differences.message:
            show(answer)


def local_actor() -> str:
    return f"local:{os.getuid()}"


def show(answer: Answer) -> None:
    """Prints what the daemon said; ends the command if it refused."""
    if not answer.ok:
        err.print(f"[red]error:[/red] {escape(answer.message)}", soft_wrap=True)
        raise typer.Exit(EXIT_FAILURE)
    out.print(escape(answer.message), soft_wrap=True, highlight=False)

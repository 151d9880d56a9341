"""Commands that are imported when they are used: the daemon shall not carry what only enrolment or the demo needs."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


def lazy_group(commands: Mapping[str, str]) -> type[TyperGroup]:
    """Returns a group of commands for `typer.Typer(cls=...)`.

    Args:
        commands: the place of each by its name, in the order in which help lists them: `daemon.cli.run:run`, which is a
            function, or `daemon.cli.people:app`, which is a Typer of its own.
    """

    # Typer 0.2x carries a copy of Click and earlier ones import it: no annotation is right for both.
    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            place = commands.get(cmd_name)
            return _load(cmd_name, place) if place else None

    return LazyGroup


def _load(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found: Any = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False)
        found.command()(function)
    command = typer.main.get_command(found)
    command.name = name
    return command

"""Commands that are imported when they are used: the daemon shall not carry what only enrolment or the demo needs."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Place(NamedTuple):
    """Where a command is, and what a list of commands says of it, so that it need not be imported for that."""

    path: str
    """`daemon.cli.run:run`, which is a function, or `daemon.cli.people:app`, which is a Typer of its own."""
    help: str
    """The first paragraph of the command's own help."""


def lazy_group(commands: Mapping[str, Place]) -> type[TyperGroup]:
    """Returns a group of commands for `typer.Typer(cls=...)`.

    Args:
        commands: by their names, in the order in which help lists them.
    """

    # Typer 0.2x carries a copy of Click and earlier ones import it: no annotation is right for both.
    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """Returns what help needs; the command itself is imported when it is run."""
            place = commands.get(cmd_name)
            return TyperCommand(cmd_name, help=place.help) if place else None

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, _, rest = super().resolve_command(ctx, args)
            return name, name and load(name, commands[name].path), rest

    return LazyGroup


def load(name: str, path: str) -> Any:
    """Returns the command of a `Place`."""
    module, _, attribute = path.partition(":")
    found: Any = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False)
        found.command()(function)
    command = typer.main.get_command(found)
    command.name = name
    return command

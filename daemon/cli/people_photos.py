"""`deconvid people remove-photo`: one photo less."""

from typing import Annotated

import typer
from rich.markup import escape

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, out, told_errors
from daemon.cli.stores import open_store


def remove_photo(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")],
    photo: Annotated[int, typer.Argument(metavar="PHOTO_ID", help="Its id: see `deconvid people show NAME`.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Remove one photo of a person, template and crop; the last one stays."""
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        person = store.people.get(name)
        if not yes:
            typer.confirm(f"Remove photo {photo} of {person.name} for good?", abort=True, err=True)
        source = store.templates.remove(person.id, photo)
    out.print(f"{escape(person.name)}: photo {photo} ({escape(source)}) is removed", soft_wrap=True, highlight=False)

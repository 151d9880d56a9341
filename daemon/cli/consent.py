"""`deconvid people consent`: why somebody may be recognised, and for how long."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, out, told_errors
from daemon.cli.stores import open_store
from daemon.store import Consent
from daemon.store.days import end_of_day


def consent(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")],
    basis: Annotated[str, typer.Option(help="Why: `contract`, `signed 2026-05-01`.", show_default=False)],
    expires: Annotated[
        str, typer.Option(metavar="DATE", help="Last day, UTC: 2027-12-31, or `never`.", show_default=False)
    ],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put on record why a person may be recognised, and until when."""
    until = _end_of(expires)
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        person = store.people.set_consent(name, Consent(basis, until))
    validity = f"until the end of {expires} (UTC)" if until else "without end"
    out.print(f"{escape(person.name)} may be recognised {validity}: {escape(basis)}", soft_wrap=True)
    if until and until <= datetime.now(UTC):
        out.print("That day is over: nobody is recognised as this person, who is erased soon", soft_wrap=True)


def _end_of(day: str) -> datetime | None:
    if day == "never":
        return None
    try:
        return end_of_day(day)
    except ValueError as error:
        raise typer.BadParameter(f"{error}, or never") from None

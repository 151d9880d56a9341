"""`deconvid people consent`: why somebody may be recognised, and for how long."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, out, told_errors
from daemon.cli.stores import open_store
from daemon.store import Consent, Person
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
    out.print(f"{escape(person.name)}: consent {consent_state(person)}, {escape(basis)}", soft_wrap=True)


def consent_state(person: Person) -> str:
    """Returns until when a person may be recognised, in words."""
    if person.expires_at is None:
        return "without end"
    # The moment after it: the last day is the one before.
    day = f"{person.expires_at - timedelta(microseconds=1):%Y-%m-%d}"
    return f"ran out on {day}" if person.expires_at <= datetime.now(UTC) else f"until {day}"


def _end_of(day: str) -> datetime | None:
    if day == "never":
        return None
    try:
        return end_of_day(day)
    except ValueError as error:
        raise typer.BadParameter(f"{error}, or never") from None

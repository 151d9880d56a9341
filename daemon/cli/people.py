"""`deconvid people`: who is known."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from config import load_settings
from daemon.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    err,
    out,
    print_table,
    set_up_logging,
    told_errors,
)
from daemon.cli.consent import consent, consent_state
from daemon.cli.people_capture import capture
from daemon.cli.people_gallery import export
from daemon.cli.people_import import import_people
from daemon.cli.people_lines import tell_outcome, warn_of_lost, warn_of_other_models, warn_of_unreadable
from daemon.cli.people_photos import remove_photo
from daemon.cli.people_reembed import reembed_people
from daemon.cli.stores import make_store, open_store
from daemon.enrolment import Accepted, Outcome, enrol, find_photos
from daemon.exits import EXIT_FAILURE
from daemon.store import Person, Store, Template
from daemon.store.names import normalise_name
from daemon.store.template_store import is_readable
from engine import FaceEngine

app = typer.Typer(help="Add, list, rename and erase people.", no_args_is_help=True, add_completion=False)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]


@app.command()
def add(
    name: NameArgument,
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Pictures, or folders of pictures.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enrol a person, or give a known person more photos."""
    set_up_logging("warning")
    with told_errors():
        settings = load_settings(config, secrets=False)
        normalise_name(name)  # before the models are loaded
        files = find_photos(photos)
        engine = FaceEngine.load(settings)
        with make_store(settings) as store:
            store.people.check_consent(name)
            warn_of_unreadable(store, name)
            outcomes = _enrol_with_progress(store, engine, name, files)
            enrolled = store.people.find(name)
        accepted = sum(isinstance(outcome, Accepted) for outcome in outcomes)
        known_as = escape(enrolled.name if enrolled else name)
        out.print(f"{known_as}: {accepted} of {len(files)} photos accepted", soft_wrap=True)
        if not accepted:
            raise typer.Exit(EXIT_FAILURE)


@app.command("list")
def list_people(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List everybody who is enrolled."""
    with told_errors():
        settings = load_settings(config, secrets=False)
        with open_store(settings) as store:
            people = store.people.all()
            warn_of_other_models(store, settings)
    if as_json:
        out.print_json(json.dumps([_person_json(person) for person in people]))
        return
    table = Table("id", "name", "photos", "enrolled", "consent")
    for person in people:
        enrolled = f"{person.created_at:%Y-%m-%d %H:%M}"
        table.add_row(str(person.id), escape(person.name), str(person.template_count), enrolled, consent_state(person))
    if people:
        print_table(table)
    else:
        err.print("nobody is enrolled; `deconvid people add NAME PHOTO` does it")


@app.command()
def show(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show what is stored of a person: each photo with its id."""
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        person = store.people.get(name)
        templates = store.people.templates(person.id, with_unreadable=True)
    warn_of_lost([(person.name, template.id) for template in templates if not is_readable(template)])
    if as_json:
        out.print_json(json.dumps(_person_json(person) | {"templates": [_template_json(t) for t in templates]}))
        return
    out.print(f"[bold]{escape(person.name)}[/bold]  id {person.id}  enrolled {person.created_at:%Y-%m-%d %H:%M} UTC")
    out.print(f"consent: {escape(person.consent_basis or 'not on record')}, {consent_state(person)}", soft_wrap=True)
    table = Table("id", "photo", "quality", "model", "added")
    for template in templates:
        added = f"{template.created_at:%Y-%m-%d %H:%M}"
        quality = f"{template.quality:.2f}" if is_readable(template) else "unreadable"
        table.add_row(str(template.id), escape(template.source), quality, template.model_digest[:12], added)
    print_table(table)


@app.command()
def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The name so far.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name from now on.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give a person another name; past events keep the old one."""
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        person = store.people.rename(old, new)
    out.print(f"{escape(person.name)} is the name now", soft_wrap=True)


@app.command()
def erase(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Remove a person, with all templates and the name in past events, for good."""
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        person = store.people.get(name)
        if not yes:
            typer.confirm(f"Erase {person.name} and {person.template_count} templates for good?", abort=True, err=True)
        store.people.erase(name)
    out.print(f"{escape(person.name)} is erased. Backups made before still hold the name, but no face", soft_wrap=True)


app.command("import")(import_people)
app.command()(capture)
app.command()(consent)
app.command()(export)
app.command("remove-photo")(remove_photo)
app.command("reembed")(reembed_people)


def _enrol_with_progress(store: Store, engine: FaceEngine, name: str, files: list[Path]) -> list[Outcome]:
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task("photos", total=len(files))

        def tell(outcome: Outcome) -> None:
            progress.advance(bar)
            tell_outcome(outcome)

        return enrol(store, engine, name, files, tell)


def _person_json(person: Person) -> dict[str, object]:
    return {
        "id": person.id,
        "name": person.name,
        "created_at": person.created_at.isoformat(),
        "template_count": person.template_count,
        "consent_basis": person.consent_basis,
        "expires_at": person.expires_at and person.expires_at.isoformat(),
    }


def _template_json(template: Template) -> dict[str, object]:
    return {
        "id": template.id,
        "source": template.source,
        "quality": round(template.quality, 4),
        "readable": is_readable(template),
        "model_digest": template.model_digest,
        "created_at": template.created_at.isoformat(),
    }

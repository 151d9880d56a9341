"""`deconvid unknowns`: strangers who come back, and who they turn out to be."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, counted, err, out, told_errors
from daemon.cli.moments import here_and_now
from daemon.cli.stores import open_store
from daemon.cli.unknowns_input import open_orders, read_number, read_numbers
from daemon.cli.unknowns_output import print_entries, print_entry, print_overdue, write_pictures
from daemon.enrolment.resemblance import check_name
from daemon.identity.class_retention import ClassRetention, find_overdue
from daemon.identity.stranger_orders import StrangerOrders
from daemon.store.stranger_records import label_of
from engine.manifests import find_model

app = typer.Typer(
    help="List strangers who come back, name, merge, ignore and forget them.",
    no_args_is_help=True,
    add_completion=False,
)

NumberArgument = Annotated[str, typer.Argument(metavar="UNKNOWN", help="unknown-12, or 12.")]
NumbersArgument = Annotated[list[str], typer.Argument(metavar="UNKNOWN...", help="unknown-12, or 12.")]


@app.command("list")
def list_unknowns(
    config: ConfigOption = DEFAULT_CONFIG,
    everybody: Annotated[bool, typer.Option("--all", help="Also those who were named or merged.")] = False,
    least: Annotated[int, typer.Option("--least", min=1, help="Sightings that they must have.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """List strangers, who was seen last first."""
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        entries = store.strangers.entries()
    chosen = [
        entry for entry in entries if entry.sightings >= least and (everybody or entry.state in ("open", "ignored"))
    ]
    print_entries(chosen, as_json)


@app.command()
def show(
    unknown: NumberArgument,
    crops: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the pictures there.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what is stored of a stranger."""
    number = read_number(unknown)
    with told_errors(), open_store(load_settings(config, secrets=False)) as store:
        entry, pictures = store.strangers.entry(number), store.strangers.crops(number)
        if crops:
            store.strangers.note_view(number)
            write_pictures(crops, number, pictures)
    print_entry(entry, pictures, as_json)
    if crops:
        err.print(f"pictures in {escape(str(crops))}: {len(pictures)}. Delete them when you have seen them")


@app.command()
def name(
    unknown: NumberArgument,
    person: Annotated[str, typer.Argument(metavar="NAME", help="Of a new person, or of one who is enrolled.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Even if they do not look like who has that name.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enrol a stranger as a person; an event re-labels the past sightings."""
    number = read_number(unknown)
    with told_errors():
        settings = load_settings(config, secrets=False)
        model = find_model(settings.embedding.model, settings.models)
        with open_store(settings) as store:
            alike = None if yes else check_name(store, model, number, person)
            enrolled = StrangerOrders.of(store, settings).name(number, person)
    faces = counted(enrolled.template_count, "face")
    out.print(f"{label_of(number)} is {escape(enrolled.name)} now, with {faces}", soft_wrap=True)
    if alike:
        told = f"{enrolled.name} looks like {alike.name}, who is enrolled too. If both are one, erase one of the two"
        err.print(f"[yellow]warning:[/yellow] {escape(told)}", soft_wrap=True, highlight=False)


@app.command()
def merge(unknowns: NumbersArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say that strangers are one: the first number stays."""
    into, *gone = read_numbers(unknowns)
    if not gone:
        raise typer.BadParameter("name two at least", param_hint="UNKNOWN...")
    with told_errors(), open_orders(config) as orders:
        orders.merge(gone, into)
    out.print(f"{', '.join(map(label_of, gone))}: {label_of(into)} now")


@app.command()
def split(
    unknown: NumberArgument,
    pictures: Annotated[list[int], typer.Argument(metavar="PICTURE...", help="Those of the other one: see `show`.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say that some pictures of a stranger show another one, and keep the two apart from then on."""
    number = read_number(unknown)
    with told_errors(), open_orders(config) as orders:
        new = orders.split(number, pictures)
    out.print(f"{counted(len(set(pictures)), 'picture')} of {label_of(number)}: {label_of(new)} now")


@app.command()
def ignore(
    unknowns: NumbersArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Heed them again.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Be quiet about strangers: whoever resembles them most is not told of, and never given a name."""
    numbers = read_numbers(unknowns)
    with told_errors(), open_orders(config) as orders:
        for number in numbers:
            orders.ignore(number, not undo)
    out.print(f"{', '.join(map(label_of, numbers))}: {'heeded' if undo else 'ignored'} from now on")


@app.command()
def forget(
    unknowns: NumbersArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Destroy what is stored of strangers, for good: faces, pictures, and the number in past events."""
    numbers = read_numbers(unknowns)
    labels = ", ".join(map(label_of, numbers))
    with told_errors(), open_orders(config) as orders:
        if not yes:
            typer.confirm(f"Forget {labels} for good?", abort=True, err=True)
        orders.forget(numbers)
    out.print(f"{labels}: forgotten, in every backup too")


@app.command()
def expire(
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would forget.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget what is older than the configured retention, class by class; the running daemon does so by itself."""
    with told_errors():
        settings = load_settings(config, secrets=False)
        with open_store(settings) as store:
            overdue = find_overdue(store, settings.retention, here_and_now())
            if not dry_run:
                retention = ClassRetention(store, settings.retention)
                while retention.forget_some():
                    pass
    print_overdue(overdue, dry_run, as_json)

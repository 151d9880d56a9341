"""`deconvid people import`: many people at once, out of folders, a list or an exported gallery."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config import Settings, load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, err, out, set_up_logging, told_errors
from daemon.cli.people_gallery import import_exported
from daemon.cli.people_lines import tally, tell_outcome, tell_report
from daemon.cli.stores import make_store
from daemon.enrolment import Accepted, Entry, Outcome, Refusal, enrol_photos
from daemon.enrolment.conflicts import OnConflict, listed
from daemon.enrolment.roster import RosterError, read_folders
from daemon.enrolment.roster_csv import read_list
from daemon.enrolment.sealed_file import MAGIC, is_sealed_file
from daemon.exits import EXIT_FAILURE
from daemon.store import Store
from engine import FaceEngine

EXIT_INTERRUPTED = 130

KINDS = "a folder with a subfolder for each person, a CSV file, or a gallery that `people export` wrote"


def import_people(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help=f"{KINDS[0].upper()}{KINDS[1:]}.")],
    on_conflict: Annotated[
        OnConflict, typer.Option(help="What becomes of people in a gallery whose names are enrolled already.")
    ] = OnConflict.REFUSE,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enrol many people: from folders, a CSV file, or an exported gallery."""
    set_up_logging("warning")
    with told_errors():
        settings = load_settings(config, secrets=False)
        if _is_gallery(source):
            import_exported(settings, source, on_conflict)
        else:
            _import_photos(settings, _roster(source))


def _is_gallery(source: Path) -> bool:
    try:
        with source.open("rb") as file:
            return is_sealed_file(file.read(len(MAGIC)))
    except OSError:
        return False


def _roster(source: Path) -> list[Entry]:
    if source.is_dir():
        return read_folders(source)
    if source.suffix.lower() == ".csv" or not source.exists():
        return read_list(source)
    raise RosterError(source, [f"is none of these: {KINDS}"])


def _import_photos(settings: Settings, roster: Sequence[Entry]) -> None:
    engine = FaceEngine.load(settings)
    counts: Counter[str] = Counter()
    started_s = time.monotonic()
    with make_store(settings) as store:
        _renew_consents(store, roster)
        try:
            _enrol(store, engine, roster, counts)
        except KeyboardInterrupt:
            err.print(f"stopped: {counts['accepted']} photos are in. The same command goes on from here")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        _tell_summary(roster, counts, time.monotonic() - started_s)
        tell_report(store, engine.embedder.spec, {entry.name for entry in roster})
    if not counts["accepted"] and not counts[Refusal.KNOWN]:
        raise typer.Exit(EXIT_FAILURE)


def _renew_consents(store: Store, roster: Sequence[Entry]) -> None:
    """Before any photo: who is enrolled may have no new one. Whoever is not yet gets it with the first."""
    if renewed := store.people.renew_consents({entry.name: entry.consent for entry in roster if entry.consent}):
        told = f"consent on record is another now of {len(renewed)} people: {listed(renewed)}"
        out.print(escape(told), soft_wrap=True, highlight=False)


def _enrol(store: Store, engine: FaceEngine, roster: Sequence[Entry], counts: Counter[str]) -> None:
    columns = (TextColumn("photos"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task("photos", total=len(roster))
        for outcome in enrol_photos(store, engine, roster):
            progress.advance(bar)
            _note(outcome, counts)


def _note(outcome: Outcome, counts: Counter[str]) -> None:
    """What went well is only counted: among ten thousand photos, who reads the others?"""
    if isinstance(outcome, Accepted):
        counts["accepted"] += 1
        return
    counts[outcome.reason] += 1
    if outcome.reason is not Refusal.KNOWN:
        tell_outcome(outcome)


def _tell_summary(roster: Sequence[Entry], counts: Counter[str], seconds: float) -> None:
    people = len({entry.name for entry in roster})
    refused = sum(counts[reason] for reason in Refusal if reason is not Refusal.KNOWN)
    reasons = tally((reason, counts[reason]) for reason in Refusal if reason is not Refusal.KNOWN)
    told = [f"{counts['accepted']} accepted", f"{refused} refused" + (f" ({reasons})" if refused else "")]
    if known := counts[Refusal.KNOWN]:
        told.append(f"{known} were in already")
    head = f"{len(roster)} photos of {people} people in {seconds:.0f} s: "
    out.print(head + ", ".join(told), soft_wrap=True, highlight=False)

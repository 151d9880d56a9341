"""`deconvid people export`, and the other end of it."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from config import Settings, load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, counted, err, out, set_up_logging, told_errors
from daemon.cli.people_lines import tell_report, warn, warn_of_lost
from daemon.cli.stores import make_store, open_store
from daemon.enrolment.conflicts import OnConflict, listed, resolve_names
from daemon.enrolment.contents import Contents, read_contents
from daemon.enrolment.exporting import export_gallery
from daemon.enrolment.importing import Imported, import_gallery
from daemon.enrolment.sealed_file import GalleryFileError, SealedFile
from daemon.store import Store
from engine.embedder import Embedder
from engine.manifests import ModelSpec, find_model

PASSPHRASE = "DECONVID_PASSPHRASE"
SHORTEST = 8


def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not exist.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write everybody to one encrypted file, for another DeconvID or a safe."""
    set_up_logging("warning")
    with told_errors():
        settings = load_settings(config, secrets=False)
        model = find_model(settings.embedding.model, settings.models)
        if target.exists():
            raise GalleryFileError(f"{target}: exists. Choose another name, or delete it")
        passphrase = _new_passphrase()
        with (
            open_store(settings) as store,
            Progress(console=err, transient=True, disable=not err.is_terminal) as progress,
        ):
            bar = progress.add_task("people", total=len(store.people.all()))
            done = export_gallery(store, model, target, passphrase, lambda: progress.advance(bar))
    told = f"{done.people} people with {done.templates} templates of model {model.name} are in {target}. "
    told += "Without the passphrase nobody can read it, you included"
    out.print(escape(told), soft_wrap=True, highlight=False)
    if done.unreadable:
        warn(f"{counted(len(done.unreadable), 'template')} left out, unreadable")
        warn_of_lost(done.unreadable)


def import_exported(settings: Settings, source: Path, on_conflict: OnConflict) -> None:
    """Imports a gallery.

    Raises:
        DeconvIDError: nothing was imported.
    """
    model = find_model(settings.embedding.model, settings.models)
    passphrase = _passphrase("Passphrase of the gallery: ")
    try:
        with source.open("rb") as raw:
            file = SealedFile(raw, passphrase)
            _import(settings, file, read_contents(file, model), model, on_conflict)
    except GalleryFileError as error:
        raise type(error)(f"{source}: {error}") from error
    except OSError as error:
        raise GalleryFileError(f"{source}: cannot be read ({error.strerror}). Check the permissions") from error


def _import(
    settings: Settings, file: SealedFile, contents: Contents, model: ModelSpec, on_conflict: OnConflict
) -> None:
    def load() -> Embedder:
        return Embedder.of(settings)

    with make_store(settings) as store:
        targets = resolve_names(contents.names, [person.name for person in store.people.all()], on_conflict)
        if contents.foreign:
            made = f"{contents.foreign} of {contents.templates} templates were made by another model"
            err.print(f"{made} ({escape(contents.head.model)}): {model.name} embeds their crops anew", soft_wrap=True)
        with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
            bar = progress.add_task("crops", total=contents.foreign, visible=bool(contents.foreign))
            done = import_gallery(store, file, contents, targets, model, load, lambda: progress.advance(bar))
        _tell(contents, targets, done)
        _warn_of_ended(store, targets)
        tell_report(store, model, set(targets.values()))


def _tell(contents: Contents, targets: dict[str, str], done: Imported) -> None:
    out.print(f"{len(targets)} of {len(contents.names)} people imported, {done.templates} templates", highlight=False)
    for name, target in targets.items():
        if name != target:
            out.print(f"{escape(name)} is {escape(target)} here", soft_wrap=True, highlight=False)
    if skipped := [name for name in contents.names if name not in targets]:
        told = f"{len(skipped)} skipped, whose names are enrolled already: {listed(skipped)}"
        out.print(escape(told), soft_wrap=True, highlight=False)
    if done.duplicates:
        out.print(f"{done.duplicates} templates were in already", highlight=False)
    if done.unreadable:
        warn(f"{done.unreadable} crops of another model are no pictures, and were left out")


def _warn_of_ended(store: Store, targets: dict[str, str]) -> None:
    """Says which of the imported people nobody is recognised as."""
    now, imported = datetime.now(UTC), set(targets.values())
    ended = [p.name for p in store.people.all() if p.name in imported and p.expires_at and p.expires_at <= now]
    if ended:
        warn(
            f"the consent of {len(ended)} of them has ended: {listed(ended)}. Nobody is recognised as them, and they "
            "are erased soon, unless `deconvid people consent NAME --basis WHY --expires DATE` puts a new one on record"
        )


def _new_passphrase() -> str:
    passphrase = _passphrase("New passphrase: ")
    if len(passphrase) < SHORTEST:
        raise GalleryFileError(
            f"a passphrase of {len(passphrase)} characters is guessed at once. Use {SHORTEST} or more"
        )
    if not os.environ.get(PASSPHRASE) and _passphrase("Again: ") != passphrase:
        raise GalleryFileError("the two passphrases differ. Nothing was written")
    return passphrase


def _passphrase(prompt: str) -> str:
    """Out of the environment, else typed. Never an argument, which others on the machine would see."""
    if passphrase := os.environ.get(PASSPHRASE):
        return passphrase
    if not sys.stdin.isatty():
        raise GalleryFileError(f"there is no passphrase. Set {PASSPHRASE}, or run this on a terminal")
    return str(typer.prompt(prompt.rstrip(": "), hide_input=True, err=True))

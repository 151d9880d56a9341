"""`deconvid people reembed`: after the embedder was changed."""

from collections.abc import Sequence

import typer
from rich.markup import escape
from rich.progress import Progress

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, counted, err, out, set_up_logging, told_errors
from daemon.cli.people_lines import MOST_LINES, warn, warn_of_lost
from daemon.cli.stores import open_store
from daemon.enrolment.reembedding import reembed, reembed_strangers
from daemon.exits import EXIT_FAILURE
from daemon.store import Store
from daemon.store.stranger_records import label_of
from engine.embedder import Embedder
from engine.manifests import find_model

EXIT_INTERRUPTED = 130


def reembed_people(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Embed all stored faces, of people and strangers, with the configured model, after it was changed."""
    set_up_logging("warning")
    with told_errors():
        settings = load_settings(config, secrets=False)
        model = find_model(settings.embedding.model, settings.models)
        with open_store(settings) as store:
            due = store.templates.coverage(model.sha256).foreign_templates
            due += store.likenesses.count_foreign(model.sha256)
            if not due:
                out.print(f"all faces are of {escape(model.name)}: nothing to do", highlight=False)
                return
            embedder = Embedder.of(settings)
            renewed, photos, likenesses = 0, list[tuple[int, int]](), list[tuple[int, int]]()
            of_people, of_strangers = reembed(store, embedder), reembed_strangers(store, embedder)
            with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
                bar = progress.add_task("faces", total=due)
                try:
                    for rounds, lost in ((of_people, photos), (of_strangers, likenesses)):
                        for batch in rounds:
                            renewed += batch.renewed
                            lost += batch.unreadable
                            progress.advance(bar, batch.renewed + len(batch.unreadable))
                except KeyboardInterrupt:
                    err.print(f"stopped: {renewed} of {due} faces are done. The same command goes on from here")
                    raise typer.Exit(EXIT_INTERRUPTED) from None
            out.print(f"{renewed} faces are of {escape(model.name)} now", highlight=False)
            _tell_lost(store, photos, likenesses)
        if photos or likenesses:
            raise typer.Exit(EXIT_FAILURE)


def _tell_lost(store: Store, photos: Sequence[tuple[int, int]], likenesses: Sequence[tuple[int, int]]) -> None:
    """Args: each with whose it is, and its id."""
    if photos or likenesses:
        warn(f"{counted(len(photos) + len(likenesses), 'crop')} left as before, unreadable")
    names = {person.id: person.name for person in store.people.all()} if photos else {}
    warn_of_lost([(names[person], id) for person, id in photos if person in names])
    if labels := [label_of(id) for id in dict.fromkeys(stranger for stranger, _ in likenesses)]:
        more = ", ..." if len(labels) > MOST_LINES else ""
        warn(f"faces of {', '.join(labels[:MOST_LINES])}{more} are among them; `deconvid unknowns forget` deletes them")

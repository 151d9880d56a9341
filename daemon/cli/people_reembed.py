"""`deconvid people reembed`: after the embedder was changed."""

from itertools import chain

import typer
from rich.markup import escape
from rich.progress import Progress

from config import load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, err, out, set_up_logging, told_errors
from daemon.cli.people_lines import warn
from daemon.cli.stores import open_store
from daemon.enrolment.reembedding import reembed, reembed_strangers
from daemon.exits import EXIT_FAILURE
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
            renewed, lost = 0, 0
            with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
                bar = progress.add_task("faces", total=due)
                try:
                    for batch in chain(reembed(store, embedder), reembed_strangers(store, embedder)):
                        renewed, lost = renewed + batch.renewed, lost + len(batch.unreadable)
                        progress.advance(bar, batch.renewed + len(batch.unreadable))
                except KeyboardInterrupt:
                    err.print(f"stopped: {renewed} of {due} faces are done. The same command goes on from here")
                    raise typer.Exit(EXIT_INTERRUPTED) from None
    out.print(f"{renewed} faces are of {escape(model.name)} now", highlight=False)
    if lost:
        warn(f"{lost} crops are no pictures and stay as they were: enrol these people anew, forget these strangers")
        raise typer.Exit(EXIT_FAILURE)

"""What enrolment tells people, line by line."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import numpy as np
from rich.markup import escape

from config import Settings
from daemon.cli.common import err, out
from daemon.enrolment import Accepted, Outcome
from daemon.enrolment.coverage import REEMBED, missing_templates
from daemon.enrolment.likeness import ODD_RATE, alarm_cosine, cosine_of_strangers
from daemon.enrolment.outliers import LookAlikes, Misfit, find_look_alikes, find_misfits
from daemon.store import Store
from daemon.store.names import name_key
from engine import ModelError
from engine.manifests import ModelSpec, find_model

MOST_LINES = 20
"""Of one kind in a report."""

T = TypeVar("T")


def tell_outcome(outcome: Outcome) -> None:
    """Says what became of a photo, and warns."""
    photo = escape(str(outcome.photo))
    if not isinstance(outcome, Accepted):
        out.print(f"[red]refused[/red]   {photo}: {outcome.reason} ({escape(outcome.detail)})", soft_wrap=True)
        return
    out.print(f"[green]accepted[/green]  {photo}: quality {outcome.quality:.2f}", soft_wrap=True)
    if outcome.is_odd:
        warn(
            f"{outcome.photo} does not look like the other photos of this person. "
            "If it shows somebody else, remove it: `deconvid people show` tells its id, `remove-photo` does it"
        )
    if outcome.resembles:
        warn(
            f"{outcome.photo} looks like {outcome.resembles}, who is enrolled already. "
            "If both are one person, erase one of the two"
        )


def tell_report(store: Store, model: ModelSpec, names: Collection[str]) -> None:
    """Says what is worth a second look among the templates of these people."""
    gallery = store.people.gallery(model.sha256)
    keys = set(map(name_key, names))
    ids = {person_id for person_id, name in gallery.people.items() if name_key(name) in keys}

    def misfit(found: Misfit) -> str:
        templates = store.people.templates(found.person_id, with_unreadable=True)
        # As the gallery has them: one whose crop alone cannot be opened is compared.
        own = [t.source for t in templates if t.model_digest == model.sha256 and len(t.embedding)]
        sources = ", ".join(own[place] for place in found.places)
        count = len(found.places)
        does = "does not look like the others" if count == 1 else "look like one another, but not like the others"
        return f"{gallery.people[found.person_id]}: {count} of {found.of} photos {does}: {sources}"

    def pair(found: LookAlikes) -> str:
        one, other = (gallery.people[person_id] for person_id in found.person_ids)
        if found.is_one_picture:
            return f"{one} and {other}: enrolled with the same picture"
        return f"{one} and {other} look alike ({found.score:.2f}): they may be taken for each other, or be one person"

    _list(find_misfits(gallery, cosine_of_strangers(model, ODD_RATE), ids), misfit)
    # So that among all comparisons of strangers one is expected to be reported.
    alike = alarm_cosine(model, len(gallery.embeddings) * int(np.isin(gallery.person_ids, list(ids)).sum()), 1.0)
    _list(find_look_alikes(gallery, alike, ids), pair)


def warn_of_other_models(store: Store, settings: Settings) -> None:
    """Says if not everybody is known to the configured embedder."""
    try:
        model = find_model(settings.embedding.model, settings.models)
    except ModelError as error:
        warn(str(error))
        return
    if fault := missing_templates(store.templates.coverage(model.sha256)):
        warn(f"{fault}. {REEMBED}")


def warn_of_unreadable(store: Store, name: str) -> None:
    """Says if somebody who gets more templates cannot be recognised by those that are there."""
    if count := store.templates.unreadable(name):
        warn(
            f"{count} templates of {name} cannot be opened, as after an older key ring was put back. Put the newest "
            "copy of the ring back and then add these photos again; if there is none, erase the person and enrol anew"
        )


def warn_of_lost(photos: Sequence[tuple[str, int]]) -> None:
    """Says which photos cannot be read, each given with its person's name and its id, and how they go."""

    def line(photo: tuple[str, int]) -> str:
        name, id = photo
        fix = f'If the newest key ring does not help, `deconvid people remove-photo "{name}" {id}` removes it'
        return f"photo {id} of {name} cannot be read. {fix}"

    _list(photos, line)


def warn(text: str) -> None:
    err.print(f"[yellow]warning:[/yellow] {escape(text)}", soft_wrap=True, highlight=False)


def tally(counts: Iterable[tuple[str, int]]) -> str:
    """Returns `3 no face, 1 duplicate`; nothing where nothing is counted."""
    return ", ".join(f"{count} {name}" for name, count in counts if count)


def _list(found: Sequence[T], line: Callable[[T], str]) -> None:
    for item in found[:MOST_LINES]:
        warn(line(item))
    if len(found) > MOST_LINES:
        warn(f"... and {len(found) - MOST_LINES} more of this kind")

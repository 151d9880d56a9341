"""What is said and put on record of strangers."""

from datetime import datetime

from daemon.events.schema import Event, Person, StrangerMerged, StrangerNamed, StrangerSplit, rfc3339_of
from daemon.events.writer import told_with
from daemon.identity.sightings import Outcome
from daemon.store import Person as EnrolledPerson
from daemon.store.events import Draft
from daemon.store.stranger_records import CrowdChange, StrangerEntry, label_of
from daemon.store.strangers import Deed


def merged_event(gone: int, into: int, at: datetime) -> StrangerMerged:
    return StrangerMerged(captured_at=rfc3339_of(at), stranger=label_of(gone), into=label_of(into))


def split_event(old: int, new: int, at: datetime) -> StrangerSplit:
    return StrangerSplit(captured_at=rfc3339_of(at), stranger=label_of(old), new=label_of(new))


def named_event(entry: StrangerEntry, person: EnrolledPerson, at: datetime) -> StrangerNamed:
    return StrangerNamed(
        captured_at=rfc3339_of(at),
        stranger=label_of(entry.id),
        person=Person(person.id, person.name),
        sightings=entry.sightings,
        first_seen_at=rfc3339_of(entry.first_seen),
        last_seen_at=rfc3339_of(entry.last_seen),
    )


def drafts_of(outcome: Outcome, epoch: str, at: datetime) -> list[Draft]:
    """Returns what is to be said of what a sighting led to."""
    events: list[Event] = [merged_event(gone, into, at) for gone, into in outcome.merged.items()]
    events += [split_event(old, new, at) for new, old in outcome.split.items()]
    return [told_with(event, epoch) for event in events]


def deeds_of(outcome: Outcome, change: CrowdChange) -> list[Deed]:
    """Returns what a sighting did: also to whoever had to go because there are too many."""
    merged = [Deed("strangers.merge", gone, f"into stranger:{into}") for gone, into in outcome.merged.items()]
    split = [Deed("strangers.split", old, f"new stranger:{new}") for new, old in outcome.split.items()]
    return merged + split + [Deed("strangers.evict", gone) for gone, into in change.gone.items() if into is None]

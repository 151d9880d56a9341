"""Under which names an imported gallery's people are stored, where some of these names are taken."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import count

from daemon.enrolment.sealed_file import GalleryFileError
from daemon.store.names import LONGEST_NAME, name_key

MOST_NAMES = 10
"""That a message lists."""


class OnConflict(StrEnum):
    """What becomes of a person whose name is in the store already."""

    REFUSE = "refuse"
    """Nothing is imported."""
    MERGE = "merge"
    """They are one person, who gets the templates that are not there yet; the consent on record stays."""
    SKIP = "skip"
    RENAME = "rename"
    """They are two people; the imported one becomes `Ada Lovelace (2)`."""


def resolve_names(names: Sequence[str], taken: Sequence[str], on_conflict: OnConflict) -> dict[str, str]:
    """Returns the name in the store of each person who is to be imported, by the name in the file.

    Args:
        names: in the file.
        taken: in the store; one that differs in case only is the same.

    Raises:
        GalleryFileError: some are taken, and that is to be refused.
    """
    stored = {name_key(name): name for name in taken}
    known = [name for name in names if name_key(name) in stored]
    targets = {name: name for name in names if name_key(name) not in stored}
    match on_conflict:
        case OnConflict.REFUSE if known:
            raise GalleryFileError(_conflict(known))
        case OnConflict.MERGE:
            targets |= {name: stored[name_key(name)] for name in known}
        case OnConflict.RENAME:
            keys = {*stored, *map(name_key, names)}
            for name in known:
                targets[name] = _free_name(name, keys)
                keys.add(name_key(targets[name]))
    return targets


def listed(names: Sequence[str]) -> str:
    """Returns the first of the names for a message."""
    return ", ".join(map(repr, names[:MOST_NAMES])) + (", ..." if len(names) > MOST_NAMES else "")


def _conflict(names: Sequence[str]) -> str:
    return (
        f"has {len(names)} names that are enrolled already: {listed(names)}. Say --on-conflict merge if they are the "
        "same people, rename if they are others, or skip; nothing was imported"
    )


def _free_name(name: str, keys: set[str]) -> str:
    endings = (f" ({number})" for number in count(2))
    names = (name[: LONGEST_NAME - len(ending)].rstrip() + ending for ending in endings)
    return next(free for free in names if name_key(free) not in keys)

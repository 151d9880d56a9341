"""What must be stored for a crowd to become another one. Pure."""

from collections.abc import Mapping

from daemon.identity.strangers import Crowd
from daemon.store.stranger_records import CrowdChange, Likeness, Stranger

Owned = Mapping[int, tuple[int, Likeness]]


def crowd_change(
    older: Crowd,
    newer: Crowd,
    *,
    revision: int,
    model_digest: str,
    crops: Mapping[int, bytes] | None = None,
    merged: Mapping[int, int] | None = None,
) -> CrowdChange:
    """Returns the difference of two crowds.

    Args:
        revision: of the older one.
        model_digest: of the embedder whose likenesses they hold.
        crops: of new likenesses, by their id.
        merged: who became part of whom; whoever else is missing in the newer crowd is forgotten.
    """
    before, after = _owned(older), _owned(newer)
    gone = {id: (merged or {}).get(id) for id in older.strangers.keys() - newer.strangers.keys()}
    return CrowdChange(
        revision=revision,
        model_digest=model_digest,
        written=tuple(one for id, one in newer.strangers.items() if _columns(one) != _columns(older.strangers.get(id))),
        added={id: (*after[id], (crops or {}).get(id, b"")) for id in after.keys() - before.keys()},
        moved={
            id: (before[id][0], after[id][0]) for id in before.keys() & after.keys() if before[id][0] != after[id][0]
        },
        dropped=frozenset(before.keys() - after.keys()),
        gone=gone,
        apart=newer.apart,
    )


def _owned(crowd: Crowd) -> Owned:
    """Returns whose each likeness is, by its id."""
    return {one.id: (stranger.id, one) for stranger in crowd.strangers.values() for one in stranger.likenesses}


def _columns(stranger: Stranger | None) -> tuple[object, ...] | None:
    if stranger is None:
        return None
    return stranger.state, stranger.first_seen, stranger.last_seen, stranger.sightings

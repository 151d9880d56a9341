"""Strangers after a change of the model: known again by their stored crops."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from daemon.enrolment.reembedding import BATCH, reembed_strangers
from daemon.identity.crowd_change import crowd_change
from daemon.identity.strangers import Crowd
from daemon.store import Store
from daemon.store.stranger_records import Likeness, Stranger
from daemon.store.strangers import Deed
from engine.crops import encode_crop
from tests.daemon.enrolment.studio import FakeEngine, Scene
from tests.daemon.factories import MODEL, unit

NEW = "b" * 64
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(digest=NEW, scenes={number: Scene((100,), unit(100 + number)) for number in range(3)})


def meet(store: Store, count: int, broken: int | None = None) -> None:
    """Puts strangers 1, 2, ... into the store, one likeness each."""
    crowd = Crowd()
    for id in range(1, count + 1):
        likeness = Likeness(id, unit(id), 0.8, "door", NOON + timedelta(minutes=id))
        crowd = crowd.put(Stranger(id, "open", NOON, likeness.seen_at, 1, (likeness,)))
    crops = {
        id: b"no picture" if id == broken else encode_crop(np.full((112, 112, 3), id % 3, np.uint8))
        for id in crowd.strangers
    }
    store.strangers.apply(crowd_change(Crowd(), crowd, revision=0, model_digest=MODEL, crops=crops))


def test_strangers_are_known_to_the_new_model_under_their_numbers(store: Store, engine: FakeEngine) -> None:
    meet(store, 2)
    before, pictures = store.strangers.revision(), store.strangers.crops(1)
    assert store.likenesses.count_foreign(NEW) == 2
    assert [done.renewed for done in reembed_strangers(store, engine)] == [2]
    snapshot = store.strangers.snapshot(NEW)
    assert np.allclose(snapshot.strangers[1].likenesses[0].embedding, unit(101), atol=1e-6)
    assert snapshot.revision > before  # the daemon loads them anew
    assert store.strangers.snapshot(MODEL).strangers == {}
    assert store.strangers.crops(1) == pictures
    assert store.audit.entries(1)[0].action == "strangers.reembed"
    assert list(reembed_strangers(store, engine)) == []


def test_what_was_done_before_a_kill_stays_done(store: Store, engine: FakeEngine) -> None:
    meet(store, BATCH + 2)
    killed = reembed_strangers(store, engine)
    next(killed)
    killed.close()
    assert store.likenesses.count_foreign(NEW) == 2
    assert [done.renewed for done in reembed_strangers(store, engine)] == [2]


def test_a_crop_that_is_no_picture_or_has_no_key_stays_and_is_told(store: Store, engine: FakeEngine) -> None:
    meet(store, 3, broken=1)
    store.vault.destroy("stranger:2")
    [done] = reembed_strangers(store, engine)
    assert (done.renewed, done.unreadable) == (1, ((1, 1), (2, 2)))
    assert store.likenesses.count_foreign(NEW) == 2


def test_whoever_is_forgotten_meanwhile_is_not_brought_back(store: Store, engine: FakeEngine) -> None:
    meet(store, 2)
    embed = engine.embed

    def forget_then_embed(crops: np.ndarray) -> np.ndarray:
        store.strangers.forget([1], "strangers.forget")
        return embed(crops)

    engine.embed = forget_then_embed  # type: ignore[method-assign]
    assert [done.renewed for done in reembed_strangers(store, engine)] == [1]
    assert [entry.id for entry in store.strangers.entries()] == [2]
    assert "stranger:1" not in store.vault.ring.held()


def test_whoever_is_merged_meanwhile_stays_merged(store: Store, engine: FakeEngine) -> None:
    meet(store, 2)
    embed = engine.embed

    def merge_then_embed(crops: np.ndarray) -> np.ndarray:
        snapshot = store.strangers.snapshot(MODEL)
        crowd = Crowd.of(snapshot)
        change = crowd_change(
            crowd, crowd.merge(2, 1, 8), revision=snapshot.revision, model_digest=MODEL, merged={2: 1}
        )
        store.strangers.apply(change, [Deed("strangers.merge", 1)])
        return embed(crops)

    engine.embed = merge_then_embed  # type: ignore[method-assign]
    assert [done.renewed for done in reembed_strangers(store, engine)] == [2]
    assert len(store.strangers.snapshot(NEW).strangers[1].likenesses) == 2

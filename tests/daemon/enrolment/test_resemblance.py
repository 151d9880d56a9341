"""A stranger's faces beside who is enrolled, before they get a name."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from daemon.enrolment import resemblance
from daemon.enrolment.resemblance import LookAlike, UnlikeError, check_name
from daemon.identity.crowd_change import crowd_change
from daemon.identity.strangers import Crowd
from daemon.store import Consent, Store
from daemon.store.errors import UnknownStrangerError
from daemon.store.people import ConsentEndedError
from daemon.store.stranger_records import Likeness, Stranger
from tests.daemon.enrolment.studio import FakeEngine
from tests.daemon.factories import MODEL, make_template, towards, unit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def meet(store: Store, *faces: np.ndarray, model: str = MODEL) -> None:
    """Puts unknown-1 into the store."""
    likenesses = tuple(Likeness(id, face, 0.8, "door", NOON) for id, face in enumerate(faces, 1))
    crowd = Crowd().put(Stranger(1, "open", NOON, NOON, len(faces), likenesses))
    crops = {one.id: b"crop" for one in likenesses}
    store.strangers.apply(crowd_change(Crowd(), crowd, revision=0, model_digest=model, crops=crops))


def check(store: Store, name: str = "Ann") -> LookAlike | None:
    """By FakeEngine's threshold, 0.5."""
    return check_name(store, FakeEngine().spec, 1, name)


def like(cosines: Sequence[float]) -> list[np.ndarray]:
    return [towards(unit(1), cosine, seed) for seed, cosine in enumerate(cosines, 50)]


@pytest.mark.parametrize(("cosines", "fits"), [([0.6, 0.6, 0.4], True), ([0.6, 0.4], True), ([0.6, 0.4, 0.4], False)])
def test_name_of_somebody_is_taken_if_half_of_the_faces_resemble_them(
    store: Store, cosines: list[float], fits: bool
) -> None:
    meet(store, *like(cosines))
    store.people.enrol("Ann", make_template(unit(2)))
    store.people.enrol("Ann", make_template(unit(1)))
    if fits:
        assert check(store, "ann") is None
    else:
        with pytest.raises(UnlikeError, match=r"unknown-1: most of the faces .* --yes") as caught:
            check(store, "ann")
        assert "Ann" not in str(caught.value)


def test_where_nothing_can_be_compared_the_name_of_somebody_is_refused(store: Store) -> None:
    meet(store, unit(1))
    store.people.enrol("Ann", make_template(unit(1), model="b" * 64))
    with pytest.raises(UnlikeError):
        check(store)


def test_likenesses_of_another_model_are_not_compared(store: Store) -> None:
    meet(store, unit(1), model="b" * 64)
    store.people.enrol("Ann", make_template(unit(1)))
    with pytest.raises(UnlikeError):
        check(store)
    assert check(store, "Bob") is None


@pytest.mark.parametrize(("cosine", "read_at_once"), [(0.6, 1024), (0.6, 1), (0.4, 1024), (0.4, 1)])
def test_new_name_for_a_face_that_is_known_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, cosine: float, read_at_once: int
) -> None:
    monkeypatch.setattr(resemblance, "READ_AT_ONCE", read_at_once)
    meet(store, unit(3), unit(1))
    for name, embedding in (("Bob", unit(4)), ("Cid", towards(unit(1), cosine)), ("Dan", unit(5))):
        store.people.enrol(name, make_template(embedding))
    assert check(store) == (LookAlike(2, "Cid") if cosine > 0.5 else None)
    store.people.set_consent("Cid", Consent("signed", NOON))
    assert check(store) is None


def test_there_is_nothing_to_be_like_in_an_empty_store(store: Store) -> None:
    meet(store, unit(1))
    assert check(store) is None


def test_what_hinders_the_naming_itself_comes_first(store: Store) -> None:
    store.people.enrol("Ann", make_template(unit(2)))
    with pytest.raises(UnknownStrangerError):
        check(store)
    meet(store, unit(1))
    store.people.set_consent("Ann", Consent("signed", NOON))
    with pytest.raises(ConsentEndedError):
        check(store)

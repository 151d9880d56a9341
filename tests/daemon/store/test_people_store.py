import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from daemon.errors import StoreError
from daemon.store import Consent, InvalidNameError, NameTakenError, Store, UnknownPersonError, UnreadableError
from daemon.store.errors import LastTemplateError, UnknownTemplateError
from daemon.store.schema import TemplateRow
from daemon.store.template_store import is_readable
from tests.daemon.factories import MODEL, make_template, unit


@contextmanager
def temporary_store() -> Iterator[Store]:
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "db") as store:
        yield store


def test_template_comes_back_as_it_went_in(store: Store) -> None:
    person = store.people.enrol("Ann", make_template(unit(1), crop=b"\xff\xd8"))
    [template] = store.people.templates(person.id)
    np.testing.assert_array_equal(template.embedding, unit(1))
    assert (template.crop, template.model_digest, template.source) == (b"\xff\xd8", MODEL, "photo.jpg")


def test_name_in_another_case_or_form_is_the_same_person(store: Store) -> None:
    first = store.people.enrol("Zoë  Straße", make_template(unit(1)))
    second = store.people.enrol(unicodedata.normalize("NFD", "ZOË STRASSE"), make_template(unit(2)))
    assert (first.id, second.template_count, second.name) == (second.id, 2, "Zoë Straße")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "bell\x07"], ids=["empty", "blank", "long", "control"])
def test_impossible_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidNameError):
        store.people.enrol(name, make_template(unit(1)))


def test_rename_keeps_the_person_and_refuses_a_taken_name(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    store.people.enrol("Bob", make_template(unit(2)))
    assert store.people.rename("ann", "ANN").id == ann.id
    with pytest.raises(NameTakenError):
        store.people.rename("Ann", "bob")
    with pytest.raises(UnknownPersonError):
        store.people.rename("Eve", "Eva")


def test_only_consents_that_differ_are_renewed_and_each_is_on_record(store: Store) -> None:
    until = datetime(2099, 1, 1, tzinfo=UTC)
    ann, bob = (store.people.enrol(name, make_template(unit(seed))) for seed, name in enumerate(("Ann", "Bob")))
    store.people.set_consent("Bob", Consent("signed", until))
    revision = store.people.revision()
    wanted = {name: Consent("signed", until) for name in ("ann", "ANN", "Bob", "Eve")}
    assert store.people.renew_consents(wanted) == ["Ann"]
    assert (store.people.get("Ann").consent_basis, store.people.get("Ann").expires_at) == ("signed", until)
    assert store.people.changed(revision).people == [ann.id]
    consents = [entry.subject for entry in store.audit.entries(9) if entry.action == "people.consent"]
    assert sorted(consents) == [f"person:{ann.id}", f"person:{bob.id}"]
    assert [person.name for person in store.people.all()] == ["Ann", "Bob"]


def test_one_photo_goes_and_the_last_one_stays(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    store.people.enrol("Ann", make_template(unit(2)))
    bob = store.people.enrol("Bob", make_template(unit(3)))
    first, second = store.people.templates(ann.id)
    with pytest.raises(UnknownTemplateError, match="people show"):
        store.templates.remove(bob.id, first.id)
    before = store.gallery_revision
    assert store.templates.remove(ann.id, first.id) == "photo.jpg"
    assert [template.id for template in store.people.templates(ann.id)] == [second.id]
    assert store.people.changed(before).people == [ann.id]
    newest = store.audit.entries(1)[0]
    assert (newest.action, newest.subject, newest.detail) == ("people.remove_photo", "person:1", f"photo={first.id}")
    with pytest.raises(LastTemplateError, match="people erase"):
        store.templates.remove(ann.id, second.id)
    assert store.people.get("Ann").template_count == 1


@pytest.mark.parametrize("part", ["embedding", "crop"])
def test_template_that_cannot_be_opened_stops_none_of_the_others(store: Store, part: str) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    store.people.enrol("Ann", make_template(unit(2), model="b" * 64))
    with store.database.write() as session:
        session.execute(update(TemplateRow).where(TemplateRow.id == 1).values({part: b"\x01" * 285}))
    with pytest.raises(UnreadableError, match="template 1 of person:1"):
        store.people.templates(ann.id)
    for first, *others in (
        store.people.templates(ann.id, with_unreadable=True),
        store.templates.of_other_models("c" * 64, 0, 9),
    ):
        assert (first.id, first.source, len(getattr(first, part)), is_readable(first)) == (1, "photo.jpg", 0, False)
        assert [(other.id, other.crop, is_readable(other)) for other in others] == [(2, b"crop", True)]
        np.testing.assert_array_equal(others[0].embedding, unit(2))


def test_gallery_holds_one_model_only(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    bob = store.people.enrol("Bob", make_template(unit(2), model="b" * 64))
    gallery = store.people.gallery(MODEL)
    assert gallery.person_ids.tolist() == [ann.id]
    assert gallery.people == {ann.id: "Ann", bob.id: "Bob"}


changes = st.lists(
    st.one_of(
        st.tuples(st.just("enrol"), st.sampled_from("abc")),
        st.tuples(st.just("erase"), st.sampled_from("abc")),
        st.tuples(st.just("rename"), st.sampled_from("abc"), st.sampled_from("abcd")),
    ),
    max_size=12,
)


@given(changes)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_revision_grows_by_one_with_each_change_and_only_then(operations: list[tuple[str, ...]]) -> None:
    with temporary_store() as store:
        expected = 0
        for operation, *names in operations:
            try:
                if operation == "enrol":
                    store.people.enrol(names[0], make_template(unit(1)))
                else:
                    getattr(store.people, operation)(*names)
                expected += 1
            except StoreError:
                pass
            assert store.gallery_revision == expected
            assert store.people.gallery(MODEL).revision == expected

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.errors import StoreError
from daemon.store import InvalidNameError, NameTakenError, Store, StoreBusyError, UnknownPersonError
from tests.daemon.factories import MODEL, make_event, make_template, unit


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


def test_gallery_holds_one_model_only(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    bob = store.people.enrol("Bob", make_template(unit(2), model="b" * 64))
    gallery = store.people.gallery(MODEL)
    assert gallery.person_ids.tolist() == [ann.id]
    assert gallery.people == {ann.id: "Ann", bob.id: "Bob"}


def test_erase_leaves_no_byte_in_the_files(store: Store) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    names, crops = ["Zebedäus Quist", "Zebedäus Quint"], [bytes([i]) * 64 + b"JPEGDATA" for i in range(40)]
    for seed, crop in enumerate(crops):
        zeb = store.people.enrol(names[0], make_template(unit(seed + 10), crop=crop))
        store.events.append(make_event(zeb.id), lambda n: '{"person":{"id":2,"name":"Zebedäus Quist"}}')
    store.people.rename(*names)
    traces = [name.encode() for name in [*names, *map(str.casefold, names)]]

    def found() -> list[bytes]:
        raw = b"".join(file.read_bytes() for file in store.database.path.parent.iterdir())
        return [trace for trace in traces if trace in raw]

    assert len(found()) == len(traces)
    store.people.erase(names[1])
    traces += [*crops, *(unit(seed + 10).tobytes()[:32] for seed in range(len(crops)))]
    assert found() == []
    assert [person.name for person in store.people.all()] == ["Ann"]
    assert {(event.person_id, event.payload) for event in store.events.since(0)} == {(None, '{"person":null}')}


def test_erasure_that_a_reader_held_up_is_finished_by_who_opens_the_store_next(store: Store) -> None:
    store.people.enrol("Zebedäus", make_template(unit(1)))
    files = store.database.path.parent
    with Store.open(store.database.path) as other, other.database.read() as session:
        session.connection().exec_driver_sql("SELECT count(*) FROM people").scalar_one()
        with pytest.raises(StoreBusyError, match="opens the store next"):
            store.people.erase("Zebedäus")
    assert any("Zebedäus".encode() in file.read_bytes() for file in files.iterdir())
    Store.open(store.database.path).close()
    assert not any("Zebedäus".encode() in file.read_bytes() for file in files.iterdir())


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

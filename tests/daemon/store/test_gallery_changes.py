"""What whoever follows the gallery has to read again."""

from daemon.store import Store
from tests.daemon.factories import MODEL, make_template, unit


def test_every_change_names_its_person(store: Store) -> None:
    revisions = [store.people.changed().revision]

    def newly_changed() -> list[int]:
        news = store.people.changed(revisions[-1])
        assert news.revision > revisions[-1]
        revisions.append(news.revision)
        return news.people

    ann = store.people.enrol("Ann", make_template(unit(1)))
    assert newly_changed() == [ann.id]
    bob = store.people.enrol("Bob", make_template(unit(2)))
    store.people.rename("Ann", "Anna")
    assert sorted(newly_changed()) == [ann.id, bob.id]
    store.people.erase("Bob")
    assert newly_changed() == [bob.id]
    store.templates.renew([(store.people.templates(ann.id)[0], unit(3))], "b" * 64)
    assert newly_changed() == [ann.id]
    assert store.people.changed(revisions[-1]).people == []
    assert store.people.changed().people == [ann.id]


def test_gallery_of_some_people_has_no_others(store: Store) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    bob = store.people.enrol("Bob", make_template(unit(2)))
    some = store.people.gallery(MODEL, [bob.id, bob.id + 1])
    assert (some.people, some.person_ids.tolist(), len(some.embeddings)) == ({bob.id: "Bob"}, [bob.id], 1)
    assert store.people.gallery(MODEL, []).people == {}

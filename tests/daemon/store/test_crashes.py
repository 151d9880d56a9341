"""`kill -9` of a process that enrols, renames and erases: what was told as done is done, and nothing is half there."""

import random
from pathlib import Path

import pytest

from daemon.store import Store, meta
from daemon.store.checkup import examine
from daemon.store.templates import subject_of
from tests.daemon.deeds import People, change_until_killed, read_diary
from tests.daemon.factories import MODEL
from tests.rig.killing import run_and_kill

ROUNDS = 100
LONGEST_LIFE_S = 0.5


@pytest.mark.timeout(900)
def test_writer_may_be_killed_at_any_time(tmp_path: Path) -> None:
    database, people, dice = tmp_path / "state" / "db", People(), random.Random(7)
    for number in range(ROUNDS):
        diary = tmp_path / f"diary-{number}"
        work = (change_until_killed, database, diary, people, number)
        run_and_kill(*work, sign=diary, dice=dice, longest_s=LONGEST_LIFE_S)
        with Store.open(database) as store:
            found = {person.name: person.template_count for person in store.people.all()}
            assert found in read_diary(diary, people)
            check(store, found)
        people = found


def check(store: Store, people: People) -> None:
    assert [fault for check in examine(store) for fault in check.faults] == []
    assert len(store.people.gallery(MODEL).person_ids) == sum(people.values())
    with store.database.read() as session:
        assert meta.value(session, meta.SCRUB_DUE) == "0"
        next_id = int(meta.value(session, meta.LAST_PERSON)) + 1
    known = {subject_of(person.id) for person in store.people.all()}
    # A key is on the disk before its person is: the next one takes it over.
    assert known <= store.vault.ring.held() <= known | {subject_of(next_id)}

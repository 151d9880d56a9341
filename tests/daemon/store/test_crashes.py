"""`kill -9` of a process that enrols, renames and erases: what was told as done is done, and nothing is half there."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import pytest

from daemon.store import Store, meta
from daemon.store.checkup import examine
from daemon.store.templates import subject_of
from tests.daemon.deeds import People, change_until_killed, read_diary
from tests.daemon.factories import MODEL

ROUNDS = 100
LONGEST_LIFE_S = 0.5


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["daemon.store"])  # a process of its own in 10 ms
    return context


@pytest.mark.timeout(900)
def test_writer_may_be_killed_at_any_time(tmp_path: Path, processes: multiprocessing.context.ForkServerContext) -> None:
    database, people, dice = tmp_path / "state" / "db", People(), random.Random(7)
    for number in range(ROUNDS):
        diary = tmp_path / f"diary-{number}"
        process = processes.Process(target=change_until_killed, args=(database, diary, people, number))
        process.start()
        while not diary.exists() or not diary.stat().st_size:
            assert process.is_alive()
            time.sleep(0.01)
        time.sleep(dice.uniform(0, LONGEST_LIFE_S))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
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

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from daemon.errors import StoreError
from daemon.store import Consent, Store
from tests.daemon.factories import make_template, unit


def record(store: Store, count: int) -> None:
    with store.database.write() as session:
        for number in range(count):
            store.audit.append(session, "people.enrol", f"person:{number}")


def tamper(path: Path, *statements: str) -> None:
    """What somebody can do who has the file and knows SQL."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete", *statements):
            connection.execute(statement)


def test_every_change_of_people_is_on_record_without_names(tmp_path: Path) -> None:
    with Store.open(tmp_path / "db", actor="cli:eve") as store:
        store.people.enrol("Ann", make_template(unit(1)))
        store.people.rename("Ann", "Anna")
        store.people.set_consent("Anna", Consent("signed by Ann", None))
        store.people.erase("Anna")
        entries = store.audit.entries()
    actions = [entry.action for entry in entries]
    assert actions == ["people.enrol", "people.rename", "people.consent", "people.erase"]
    assert {(entry.actor, entry.subject) for entry in entries} == {("cli:eve", "person:1")}
    assert "Ann" not in str(entries)


def test_what_is_rolled_back_is_not_on_record(store: Store) -> None:
    record(store, 1)
    with pytest.raises(StoreError):
        store.people.rename("nobody", "somebody")
    with suppress(ZeroDivisionError), store.database.write() as session:
        store.audit.append(session, "people.erase", "person:1")
        1 / 0  # noqa: B018
    assert len(store.audit.entries()) == 1
    assert store.audit.verify().faults == ()


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_rows_cannot_be_changed_or_deleted(store: Store, statement: str) -> None:
    record(store, 2)
    with pytest.raises(StoreError) as caught, store.database.write() as session:
        session.connection().exec_driver_sql(statement)
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert store.audit.verify().count == 2


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["UPDATE audit SET actor = 'nobody' WHERE sequence = 3"], "row 3 was changed"),
        (["UPDATE audit SET at = at + 1 WHERE sequence = 5"], "row 5 was changed"),
        (["DELETE FROM audit WHERE sequence IN (2, 3)"], "rows 2 to 3 were removed"),
        (["DELETE FROM audit WHERE sequence = 1"], "rows 1 to 1 were removed"),
        (["DELETE FROM audit WHERE sequence > 3"], "rows after 3 were removed: there were 5"),
        (["DELETE FROM audit"], "rows after 0 were removed"),
        (
            [
                "UPDATE audit SET sequence = -2 WHERE sequence = 2",
                "UPDATE audit SET sequence = 2 WHERE sequence = 4",
                "UPDATE audit SET sequence = 4 WHERE sequence = -2",
            ],
            "row 2 does not follow the row before it",
        ),
    ],
    ids=["changed", "time", "removed", "first", "last", "all", "swapped"],
)
def test_tampering_is_found(store: Store, statements: list[str], fault: str) -> None:
    record(store, 5)
    tamper(store.database.path, *statements)
    assert any(found.startswith(fault) for found in store.audit.verify().faults)


def test_log_that_was_written_anew_does_not_have_the_noted_digest(store: Store) -> None:
    record(store, 3)
    noted = store.audit.verify().head
    record(store, 1)
    assert store.audit.verify(noted).faults == ()
    tamper(store.database.path, "DELETE FROM audit", "DELETE FROM sqlite_sequence WHERE name = 'audit'")
    record(store, 4)
    assert store.audit.verify().faults == ()
    assert "rewritten" in str(store.audit.verify(noted).faults)


@given(
    st.integers(1, 6),
    st.sampled_from(["actor", "action", "subject", "detail", "previous", "digest"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_text_is_found(six_rows: Store, row: int, column: str, text: str) -> None:
    change = f"UPDATE audit SET {column} = ? WHERE sequence = ?"
    before = getattr(six_rows.audit.entries()[row - 1], column)
    with closing(sqlite3.connect(six_rows.database.path, isolation_level=None)) as connection:
        connection.execute(change, (text, row))
        faults = six_rows.audit.verify().faults
        connection.execute(change, (before, row))
    assert bool(faults) == (text != before)


@pytest.fixture
def six_rows(store: Store) -> Store:
    record(store, 6)
    tamper(store.database.path)
    return store

"""Everything that can be found wrong with a store without changing it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from daemon.errors import StoreError
from daemon.store.schema import PersonRow, StrangerRow, StrangerTemplateRow, TemplateRow
from daemon.store.store import Store
from daemon.store.stranger_templates import key_of
from daemon.store.stranger_templates import sealed_items as stranger_items
from daemon.store.templates import sealed_items, subject_of
from daemon.store.vault import WHY_UNREADABLE, Item

OPENED_AT_ONCE = 1000
WHY_RETURNED = "an older key ring was put back. Run any command that opens the store: it destroys the key again"

Row = TypeVar("Row", TemplateRow, StrangerTemplateRow)


@dataclass(frozen=True, slots=True)
class Check:
    subject: str
    """`pages`, `keys`, `sealed rows`, `audit`."""
    detail: str
    faults: tuple[str, ...] = ()
    """Empty: it is sound."""


def examine(store: Store) -> Iterator[Check]:
    """Yields what was looked at, as it is known. Raises StoreError: the database cannot be read."""
    faults = store.database.find_damage()
    yield Check("pages", f"{store.database.size_bytes() / 1e6:,.1f} MB", tuple(faults))
    try:
        store.vault.check()
        yield _keys(store)
        yield _sealed_rows(store)
    except StoreError as error:
        yield Check("keys", "", (str(error),))
    verdict = store.audit.verify()
    yield Check("audit", f"{verdict.count} rows, newest digest {verdict.head or 'none'}", verdict.faults)


def _keys(store: Store) -> Check:
    """Compares who is in the database with who has a key."""
    people, strangers = select(PersonRow.id), select(StrangerRow.id, StrangerRow.key_version)
    with store.database.read() as session:
        known = _keys_of(session, people, strangers)
        sealed = _keys_of(session, people.join(TemplateRow).distinct(), strangers.join(StrangerTemplateRow).distinct())
    held, returned = store.vault.ring.held(), store.erasure.returned_keys()
    detail = f"{len(held)} keys"
    if unused := len(held - known - set(returned)):
        detail += f", {unused} of them of nobody: a write was interrupted, they seal nothing"
    faults = [f"{subject} has no key: {WHY_UNREADABLE}" for subject in sorted(sealed - held)]
    faults += [f"{subject} was erased, but has a key, which opens backups: {WHY_RETURNED}" for subject in returned]
    return Check("keys", detail, tuple(faults))


def _keys_of(session: Session, people: Select[int], strangers: Select[int, int]) -> set[str]:
    return {
        *map(subject_of, session.scalars(people)),
        *(key_of(id, version) for id, version in session.execute(strangers)),
    }


def _sealed_rows(store: Store) -> Check:
    of_people = _unreadable(store, TemplateRow, sealed_items)
    of_strangers = _unreadable(store, StrangerTemplateRow, stranger_items)
    faults = [*of_people, *of_strangers]
    return Check("sealed rows", "all can be opened" * (not faults), tuple(faults))


def _unreadable(store: Store, table: type[Row], items_of: Callable[[Row], Iterable[Item]]) -> Iterator[str]:
    with store.database.read() as session:
        rows = session.scalars(select(table).execution_options(yield_per=OPENED_AT_ONCE))
        for part in rows.partitions():
            opened = store.vault.open_many([item for row in part for item in items_of(row)])
            for row in part:
                if None in (next(opened), next(opened)):  # embedding and crop
                    yield f"row {row.id} of {table.__tablename__} cannot be opened"

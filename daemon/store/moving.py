"""From the SQLite file to a PostgreSQL database: every row in one transaction there, compared afterwards.

The file is left as it is, and the key ring where it is: it opens the rows in either place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Table, func, insert, inspect, literal_column, select, text
from sqlalchemy.orm import Session

from daemon.errors import StoreError
from daemon.store import meta
from daemon.store.database import Database
from daemon.store.migrate import stamp
from daemon.store.postgres import PostgresDatabase
from daemon.store.postgres_tables import make_empty_tables
from daemon.store.schema import Base, MetaRow
from daemon.store.store import Store

AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Moved:
    rows: Mapping[str, int]
    """By table."""
    audit_head: str
    """Digest of the newest row of the audit log, the same in both; empty if there is none."""


def move(source: Store, url: str, actor: str) -> Moved:
    """Copies a store that is open on its SQLite file into an empty PostgreSQL database.

    Args:
        source: nobody else should have it open: what they write later stays behind.
        url: `postgresql+psycopg://USER:PASSWORD@HOST/NAME`.
        actor: for the audit log there.

    Raises:
        StoreError: the database is not empty, cannot be written, or does not agree afterwards. The file is as it was.
    """
    target = PostgresDatabase.open_to_fill(source.database.path, url)
    try:
        # Under both locks: nothing is written to the file meanwhile.
        with target.write() as there, source.database.write() as here:
            _check_empty(there, target.name)
            make_empty_tables(there.connection())
            stamp(there.connection())
            for table in Base.metadata.sorted_tables:
                _copy(here, there, table)
            counters = {meta.last_key_name(name): str(meta.last_key(here, name)) for name in ("events", "audit")}
            there.execute(insert(MetaRow), [{"key": key, "value": value} for key, value in counters.items()])
    finally:
        target.close()
    return _compared(source, url, actor)


def _check_empty(there: Session, name: str) -> None:
    if set(inspect(there.connection()).get_table_names()) & {"alembic_version", *Base.metadata.tables}:
        raise StoreError(
            f"{name}: has tables of DeconvID already, perhaps of a move that was finished: see `deconvid store check`. "
            "To move the file there all the same, name an empty database"
        )


def _copy(here: Session, there: Session, table: Table) -> None:
    key = list(table.primary_key.columns)
    # Whoever a stranger was merged into is no part of another one: they come first.
    order = [table.c.merged_into.is_not(None), *key] if "merged_into" in table.c else key
    rows = here.execute(select(table).order_by(*order).execution_options(yield_per=AT_ONCE))
    for part in rows.partitions():
        there.execute(insert(table), [dict(row._mapping) for row in part])
    # Numbers that the server gives go on after the highest one.
    if len(key) == 1 and table.autoincrement_column is not None:
        place = f"pg_get_serial_sequence('{table.name}', '{key[0].name}')"
        there.execute(text(f"SELECT setval({place}, max({key[0].name})) FROM {table.name}"))


def _compared(source: Store, url: str, actor: str) -> Moved:
    before, head = _counts(source.database), source.audit.verify().head
    with Store.open(source.database.path, url=url, master_key=source.vault.master_key, actor=actor) as store:
        after, verdict = _counts(store.database), store.audit.verify(head or None)
        differing = [name for name, count in before.items() if after[name] != count]
        if differing or verdict.faults or verdict.head != head:
            fault = f"{store.database.name}: does not agree with the file ({', '.join((*differing, *verdict.faults))})"
            raise StoreError(f"{fault}. The file is as it was: go on with it, and drop that database")
        store.check()
        with store.database.write() as session:
            store.audit.append(session, "store.move", "store", f"rows={sum(after.values())}")
    return Moved(after, head)


def _counts(database: Database) -> dict[str, int]:
    """Returns the rows of each table, without what every database has of its own."""
    with database.read() as session:
        return {
            name: session.scalar(select(func.count(literal_column("*"))).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
            if name != MetaRow.__tablename__
        }

"""The tables of a new PostgreSQL database, made at once as the models have them.

There never was one of an older schema than 0005; what comes after is brought by the same migrations as SQLite's.
"""

import uuid

from sqlalchemy import Connection, insert

from daemon.store import meta
from daemon.store.gallery_changes import REVISION
from daemon.store.schema import Base, MetaRow
from daemon.store.vault import Vault

APPEND_ONLY = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
"""
COUNTERS = (
    *(REVISION, meta.CROWD_REVISION, meta.SCRUB_DUE, meta.LAST_PERSON, meta.LAST_STRANGER),
    *(meta.last_key_name(table) for table in ("events", "audit")),
)


def make_empty_tables(connection: Connection) -> None:
    """Makes the tables without a row."""
    Base.metadata.create_all(connection)
    connection.exec_driver_sql(APPEND_ONLY)


def make_tables(connection: Connection, vault: Vault) -> None:
    """Makes everything that an empty database needs. Raises StoreUnusableError: the vault cannot be made."""
    make_empty_tables(connection)
    facts = {meta.EPOCH: uuid.uuid4().hex, meta.KEY_RING: vault.make(), **dict.fromkeys(COUNTERS, "0")}
    connection.execute(insert(MetaRow), [{"key": key, "value": value} for key, value in facts.items()])

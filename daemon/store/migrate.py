"""Brings a database to this program's schema, in one transaction with the record of it."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from daemon.store.errors import StoreUnusableError
from daemon.store.postgres_tables import make_tables
from daemon.store.vault import Vault

# Alembic would tell at level info, at each start, that there is nothing to do.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(connection: Connection, name: str, vault: Vault) -> None:
    """Applies the migrations that are missing.

    Args:
        connection: in a transaction that holds the write lock, so that two processes cannot migrate at once.
        name: of the database, for messages.
        vault: seals what an older program stored in the clear; is made with a new database.

    Raises:
        StoreUnusableError: the database was written by a newer program, or the vault cannot be used.
    """
    config = _config(connection)
    config.attributes["vault"] = vault
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    if current is None:
        vault.check_unused()
        if connection.dialect.name == "postgresql":
            make_tables(connection, vault)
            stamp(connection)
            return
    elif current not in {script.revision for script in scripts.walk_revisions()}:
        fault = f"{name}: written by a newer DeconvID (schema {current})"
        raise StoreUnusableError(f"{fault}. Install that version again, or restore a backup made before the upgrade")
    command.upgrade(config, "head")


def stamp(connection: Connection) -> None:
    """Puts on record that the tables are those of this program."""
    command.stamp(_config(connection), "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config

"""Alembic's entry: runs the migrations inside the transaction that daemon/store/migrate.py opened."""

from alembic import context

from daemon.store.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()

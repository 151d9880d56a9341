"""Templates sealed, consent, strangers, audit and calibrations."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SEALED_AT_ONCE = 1000

APPEND_ONLY = """
CREATE TRIGGER audit_no_{action} BEFORE {action} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""


def upgrade() -> None:
    vault = context.config.attributes["vault"]
    ring_id = vault.make()
    _seal_templates(vault)
    for column in (
        sa.Column("consent_basis", sa.Text),
        sa.Column("consent_at", sa.Integer),
        sa.Column("expires_at", sa.Integer),
    ):
        op.add_column("people", column)
    _create_strangers()
    _create_audit()
    op.create_table(
        "calibrations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model_digest", sa.String(64), nullable=False),
        sa.Column("gallery_revision", sa.Integer, nullable=False),
        sa.Column("fpir", sa.Float, nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("computed_at", sa.Integer, nullable=False),
    )
    op.create_index("ix_calibrations_model_digest", "calibrations", ["model_digest"])
    op.create_table("condemned_keys", sa.Column("subject", sa.Text, primary_key=True))
    meta = sa.table("meta", sa.column("key"), sa.column("value"))
    last = op.get_bind().scalar(sa.text("SELECT max(id) FROM people")) or 0
    op.bulk_insert(meta, [{"key": "key_ring", "value": ring_id}, {"key": "last_person", "value": str(last)}])
    # What was in the clear is still in free pages and in the log.
    op.execute("UPDATE meta SET value = '1' WHERE key = 'scrub_due'")


def _seal_templates(vault: Any) -> None:
    # SQLite cannot drop the check of an embedding's length in place.
    op.create_table(
        "templates_3",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.Column("model_digest", sa.String(64), nullable=False),
        sa.Column("quality", sa.Float, nullable=False),
        sa.Column("crop", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("source_digest", sa.String(64)),
        sa.Column("created_at", sa.Integer, nullable=False),
    )
    for rows in _clear_rows(vault.ring.destroyed()):
        op.get_bind().execute(
            sa.text(
                "INSERT INTO templates_3 "
                "(id, person_id, embedding, model_digest, quality, crop, source, created_at) VALUES "
                "(:id, :person_id, :embedding, :model_digest, :quality, :crop, :source, :created_at)"
            ),
            _sealed(vault, rows),
        )
    op.drop_table("templates")
    op.rename_table("templates_3", "templates")
    op.create_index("ix_templates_person_id", "templates", ["person_id"])
    op.create_index("ix_templates_model_digest", "templates", ["model_digest"])


def _clear_rows(destroyed: set[str]) -> Iterator[list[dict[str, Any]]]:
    """Yields the templates, some at a time; not those of people who were erased since this copy was made."""
    query = sa.text("SELECT * FROM templates WHERE id > :after ORDER BY id LIMIT :most")
    after = 0
    while rows := op.get_bind().execute(query, {"after": after, "most": SEALED_AT_ONCE}).mappings().all():
        after = rows[-1]["id"]
        if kept := [dict(row) for row in rows if f"person:{row['person_id']}" not in destroyed]:
            yield kept


def _sealed(vault: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = ("embedding", "crop")
    sealed = iter(
        vault.seal_many(
            [
                (f"person:{row['person_id']}", row[column], f"templates.{column}:{row['model_digest']}")
                for row in rows
                for column in columns
            ]
        )
    )
    return [row | {column: next(sealed) for column in columns} for row in rows]


def _create_strangers() -> None:
    op.create_table(
        "strangers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("first_seen", sa.Integer, nullable=False),
        sa.Column("last_seen", sa.Integer, nullable=False),
        sa.Column("sightings", sa.Integer, nullable=False),
        sa.Column("merged_into", sa.Integer, sa.ForeignKey("strangers.id", ondelete="SET NULL")),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", ondelete="SET NULL")),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.CheckConstraint("state IN ('open', 'ignored', 'named', 'merged')", name="strangers_state"),
        sqlite_autoincrement=True,
    )
    for column in ("state", "last_seen", "person_id"):
        op.create_index(f"ix_strangers_{column}", "strangers", [column])
    op.create_table(
        "stranger_templates",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("stranger_id", sa.Integer, sa.ForeignKey("strangers.id", ondelete="CASCADE"), nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.Column("crop", sa.LargeBinary, nullable=False),
        sa.Column("model_digest", sa.String(64), nullable=False),
        sa.Column("quality", sa.Float, nullable=False),
        sa.Column("camera", sa.String(32), nullable=False),
        sa.Column("seen_at", sa.Integer, nullable=False),
    )
    for column in ("stranger_id", "model_digest"):
        op.create_index(f"ix_stranger_templates_{column}", "stranger_templates", [column])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sqlite_autoincrement=True,
    )
    for action in ("update", "delete"):
        op.execute(APPEND_ONLY.format(action=action))


def downgrade() -> None:
    raise NotImplementedError("restore a backup: older programs cannot open what is sealed")

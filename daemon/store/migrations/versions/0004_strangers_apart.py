"""Strangers whom an operator told apart, and counters of strangers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "strangers_apart",
        *(
            sa.Column(name, sa.Integer, sa.ForeignKey("strangers.id", ondelete="CASCADE"), primary_key=True)
            for name in ("first_id", "second_id")
        ),
    )
    meta = sa.table("meta", sa.column("key"), sa.column("value"))
    op.bulk_insert(meta, [{"key": "crowd_revision", "value": "0"}, {"key": "last_stranger", "value": "0"}])


def downgrade() -> None:
    raise NotImplementedError("restore a backup: older programs would make one of those who were told apart")

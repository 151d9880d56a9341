"""Who changed at which revision of the gallery."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gallery_changes",
        # Whoever was erased stays here as a number.
        sa.Column("person_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("ix_gallery_changes_revision", "gallery_changes", ["revision"])


def downgrade() -> None:
    op.drop_table("gallery_changes")

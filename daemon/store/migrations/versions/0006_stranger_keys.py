"""Keys of strangers that change when a likeness leaves."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("strangers", sa.Column("key_version", sa.Integer, nullable=False, server_default="0"))
    # Whoever was merged has no likeness any more, but older programs left the key, which opens backups.
    op.execute("INSERT INTO condemned_keys SELECT 'stranger:' || id FROM strangers WHERE state = 'merged'")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: older programs look for the first key of each stranger only")

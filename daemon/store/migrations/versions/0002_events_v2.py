"""Events of schema version 2: kinds with an area, and events of no camera."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FACE_KINDS = ("identified", "unknown", "corrected", "left")

REWRITTEN = f"""
INSERT INTO events_2 (sequence, kind, camera, track, person_id, at, payload)
SELECT sequence, area || kind, camera, track, person_id, at,
    CASE WHEN area = 'face.'
    THEN json_set(payload, '$.kind', area || kind, '$.version', 2, '$.snapshot', NULL)
    ELSE json_remove(json_set(payload, '$.kind', 'camera.state', '$.version', 2),
        '$.track', '$.person', '$.score', '$.box', '$.frame_size') END
FROM (
    SELECT sequence, camera, track, person_id, at, payload,
        CASE WHEN kind IN {FACE_KINDS} THEN 'face.' ELSE 'camera.' END AS area,
        CASE WHEN kind = 'camera' THEN 'state' ELSE kind END AS kind
    FROM events
)
"""


def upgrade() -> None:
    # SQLite cannot make a column nullable in place.
    op.create_table(
        "events_2",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("camera", sa.String(32)),
        sa.Column("track", sa.Text),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id")),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.execute(REWRITTEN)
    op.drop_table("events")
    op.rename_table("events_2", "events")
    op.create_index("ix_events_camera_track", "events", ["camera", "track"])
    op.create_index("ix_events_person_id", "events", ["person_id"])
    op.create_index("ix_events_at", "events", ["at"])
    # What each camera's state is: without it, a restarted bus would read the whole table.
    op.create_index("ix_events_camera_state", "events", ["camera"], sqlite_where=sa.text("kind = 'camera.state'"))


def downgrade() -> None:
    raise NotImplementedError("restore a backup: older programs do not know these events")

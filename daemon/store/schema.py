"""The tables. A change here needs a migration in migrations/versions; a test compares the two."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Dialect, Float, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, kept as whole microseconds since 1970, so that it sorts and loses nothing."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Base(DeclarativeBase):
    pass


class PersonRow(Base):
    __tablename__ = "people"
    __table_args__ = (CheckConstraint("length(name) BETWEEN 1 AND 100", name="people_name_length"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    """NFC."""
    name_key: Mapped[str] = mapped_column(Text, unique=True)
    """The name without its case: SQLite's NOCASE knows ASCII only."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class TemplateRow(Base):
    __tablename__ = "templates"
    __table_args__ = (CheckConstraint("length(embedding) % 4 = 0", name="templates_embedding_float32"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    """float32, little-endian, L2 norm 1."""
    model_digest: Mapped[str] = mapped_column(String(64), index=True)
    quality: Mapped[float] = mapped_column(Float)
    crop: Mapped[bytes] = mapped_column(LargeBinary)
    """JPEG of the aligned 112x112 crop."""
    source: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class EventRow(Base):
    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_camera_track", "camera", "track"),
        Index("ix_events_camera_state", "camera", sqlite_where=text("kind = 'camera.state'")),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    """Never reused, without gaps: AUTOINCREMENT's counter is rolled back with a failed transaction."""
    kind: Mapped[str] = mapped_column(String(32))
    camera: Mapped[str | None] = mapped_column(String(32))
    """None: an event of the whole daemon."""
    track: Mapped[str | None] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    payload: Mapped[str] = mapped_column(Text)
    """The event's JSON; of an erased person, without name and id."""


class MetaRow(Base):
    __tablename__ = "meta"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)

"""The tables. A change here needs a migration in migrations/versions; a test compares the two."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    or_,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, kept as whole microseconds since 1970, so that it sorts and loses nothing."""

    impl = Integer
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # SQLite's integers have 64 bits anyway, PostgreSQL's 32.
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

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
    consent_basis: Mapped[str | None] = mapped_column(Text)
    """Why this person may be recognised, in the operator's words."""
    consent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the person is forgotten."""


def is_valid(now: datetime) -> ColumnElement[bool]:
    """Returns the condition on `people` that somebody's consent has not run out."""
    return or_(PersonRow.expires_at.is_(None), PersonRow.expires_at > now)


class TemplateRow(Base):
    __tablename__ = "templates"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    """float32, little-endian, L2 norm 1; sealed."""
    model_digest: Mapped[str] = mapped_column(String(64), index=True)
    quality: Mapped[float] = mapped_column(Float)
    crop: Mapped[bytes] = mapped_column(LargeBinary)
    """JPEG of the aligned 112x112 crop; sealed."""
    source: Mapped[str] = mapped_column(Text)
    source_digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the picture's file, if it came out of one."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class GalleryChangeRow(Base):
    """When a person or the person's templates changed last."""

    __tablename__ = "gallery_changes"

    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Also of somebody who was erased."""
    revision: Mapped[int] = mapped_column(Integer, index=True)
    """The gallery's."""


class StrangerRow(Base):
    """Somebody without a name who was seen."""

    __tablename__ = "strangers"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'ignored', 'named', 'merged')", name="strangers_state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    """Never reused."""
    state: Mapped[str] = mapped_column(String(16), index=True)
    first_seen: Mapped[datetime] = mapped_column(UtcTime)
    last_seen: Mapped[datetime] = mapped_column(UtcTime, index=True)
    sightings: Mapped[int] = mapped_column(Integer)
    """Tracks."""
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("strangers.id", ondelete="SET NULL"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"), index=True)
    """Who it turned out to be."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    key_version: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Of the key that seals the likenesses: when one leaves, the others get the next key."""


class StrangerTemplateRow(Base):
    __tablename__ = "stranger_templates"

    id: Mapped[int] = mapped_column(primary_key=True)
    stranger_id: Mapped[int] = mapped_column(ForeignKey("strangers.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    """As in `templates`; sealed."""
    crop: Mapped[bytes] = mapped_column(LargeBinary)
    model_digest: Mapped[str] = mapped_column(String(64), index=True)
    quality: Mapped[float] = mapped_column(Float)
    camera: Mapped[str] = mapped_column(String(32))
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    stranger: Mapped[StrangerRow] = relationship(lazy="joined", innerjoin=True)
    """Read along: nothing of the row can be opened without the version of the stranger's key."""


class StrangerApartRow(Base):
    """Two strangers who are two because an operator said so, or because they were seen together."""

    __tablename__ = "strangers_apart"

    first_id: Mapped[int] = mapped_column(ForeignKey("strangers.id", ondelete="CASCADE"), primary_key=True)
    """The lower one."""
    second_id: Mapped[int] = mapped_column(ForeignKey("strangers.id", ondelete="CASCADE"), primary_key=True)


class AuditRow(Base):
    """What was done to whom, and by whom. Triggers refuse every change of a row."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    """`person:7`: a name would outlive its erasure here."""
    detail: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    """Digest of the row before; empty in the first."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of everything else in the row."""


class CalibrationRow(Base):
    """A threshold that was computed for a gallery."""

    __tablename__ = "calibrations"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_digest: Mapped[str] = mapped_column(String(64), index=True)
    gallery_revision: Mapped[int] = mapped_column(Integer)
    fpir: Mapped[float] = mapped_column(Float)
    threshold: Mapped[float] = mapped_column(Float)
    parameters: Mapped[str] = mapped_column(Text)
    """JSON."""
    computed_at: Mapped[datetime] = mapped_column(UtcTime)


class CondemnedKeyRow(Base):
    """A subject whose rows are gone and whose key is still to be destroyed."""

    __tablename__ = "condemned_keys"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)


IS_STATE = text("kind = 'camera.state'")


class EventRow(Base):
    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_camera_track", "camera", "track"),
        Index("ix_events_camera_state", "camera", sqlite_where=IS_STATE, postgresql_where=IS_STATE),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
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

"""`[events]`: what the daemon publishes, and how long it remembers."""

from pydantic import Field

from config.section import Section


class EventSettings(Section):
    publish: str | None = Field(None, pattern=r"^(ipc:///.+|tcp://.+:[0-9]+)$")
    """ZeroMQ endpoint of the event bus, `ipc:///path` or `tcp://address:port`; unset: `events` in the runtime folder.
    Nothing encrypts TCP yet: keep it on 127.0.0.1."""
    keep_days: int | None = Field(30, ge=1)
    """Events older than this are deleted from the store, which otherwise tells for ever who was where. None: kept."""

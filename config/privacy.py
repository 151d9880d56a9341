"""`[privacy]`: what protects the people in the store."""

from pydantic import Field

from config.section import Section


class PrivacySettings(Section):
    master_key: str | None = Field(None, pattern=r"^(credential:[\w.@-]+|env:[A-Za-z_]\w*|file:.+)$")
    """Where the key is that protects all others: `credential:NAME` (systemd), `file:PATH` or `env:NAME`; it holds 32
    random bytes as `openssl rand -base64 32` prints them. Unset: `master.key` in the state folder, made at the first
    start; whoever copies that folder whole can then read every template."""
    erase_expired_after_days: int = Field(7, ge=0, le=3650)
    """People whose consent has run out are not recognised any more; after so many days they are erased. Until then
    `deconvid people consent` takes them back without new photos."""

"""What of the settings must never be logged. Workers get their secrets in their tasks, and need none of this."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from config import CameraSettings, Settings
from daemon.logs.redaction import secrets_of_address


def secrets_of_settings(value: Any) -> Iterator[str]:
    """Yields every secret in settings, however deep."""
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        yield secret
        if "://" in secret:  # a webhook's: its path may be a token
            yield urlsplit(secret).path
            yield from secrets_of_address(secret)
    elif isinstance(value, CameraSettings):
        for url in filter(None, (value.url, value.main_url)):
            yield from secrets_of_address(url.get_secret_value())
        yield from secrets_of_settings(value.password)
    elif isinstance(value, Settings):
        if value.store_url:  # of it the password alone: its path is the database's name
            yield from list(secrets_of_address(value.store_url))[:1]
        yield from secrets_of_settings({name: part for name, part in value if name != "database_url"})
    elif isinstance(value, BaseModel):
        yield from secrets_of_settings(dict(value))
    elif isinstance(value, dict):
        yield from (secret for part in value.values() for secret in secrets_of_settings(part))
    elif isinstance(value, list | tuple):
        yield from (secret for part in value for secret in secrets_of_settings(part))

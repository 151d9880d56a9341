"""Where systemd puts the credentials of a service."""

from collections.abc import Mapping
from pathlib import Path


def credential_path(name: str, environment: Mapping[str, str]) -> Path:
    """Returns the file of a credential, which need not exist (systemd.exec(5): LoadCredential=)."""
    return Path(environment.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / name

"""Where the credentials of a service are: secrets that are in no configuration."""

from collections.abc import Mapping
from pathlib import Path

SOURCES = Path("/etc/deconvid/credentials")
"""Where the unit's `LoadCredential=` lines find them, and so do commands that are run outside of the service."""


def credential_path(name: str, environment: Mapping[str, str]) -> Path:
    """Returns the file of a credential, which need not exist (systemd.exec(5): LoadCredential=)."""
    return Path(environment.get("CREDENTIALS_DIRECTORY", SOURCES)) / name

"""The master key: it wraps the key of each person, and lies anywhere but in the database."""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from config.credentials import SOURCES, credential_path
from daemon.private_files import create_private, give_to_owner_of
from daemon.store.errors import MasterKeyError, mapped_errors

KEY_BYTES = 32
FILE_NAME = "master.key"
"""Beside the database, where the settings name no other place."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    reference: str
    """`credential:NAME`, `file:PATH`, `env:NAME`, or, on a worker's standard input, `key:` and the key itself."""
    is_own: bool = False
    """Whether the program makes it where it is missing at the first start."""

    @classmethod
    def of(cls, setting: str | None, state: Path) -> Self:
        """Returns the key that the setting `privacy.master_key` names; None: a file in the state folder."""
        return cls(f"file:{state / FILE_NAME}", is_own=True) if setting is None else cls(setting)

    @property
    def kind(self) -> str:
        return self.reference.partition(":")[0]

    @property
    def place(self) -> str:
        """The name or path behind the kind."""
        return self.reference.partition(":")[2]

    @property
    def path(self) -> Path | None:
        """Of the file that holds it; None: it is in none that has a name for us."""
        return Path(self.place).expanduser() if self.kind == "file" else None

    @property
    def is_open_to_others(self) -> bool:
        """Whether it is a file that more than its owner may read or write."""
        with suppress(OSError):
            return self.path is not None and bool(self.path.stat().st_mode & 0o077)
        return False

    @property
    def is_the_services(self) -> bool:
        """Whether it is a credential that only the service gets to see."""
        at_hand = "CREDENTIALS_DIRECTORY" in os.environ or os.path.exists(credential_path(self.place, os.environ))
        return self.kind == "credential" and not at_hand

    def handed_on(self) -> str:
        """Returns a reference that a worker can use, to whom neither the environment nor credentials are passed on.

        Raises:
            MasterKeyError: the key is needed for that and cannot be read.
        """
        if self.kind == "file":
            return self.reference
        return f"key:{base64.b64encode(self.read()).decode()}"

    def make(self) -> None:
        """Makes the key's file if the program may and there is none. Raises StoreError."""
        path = self.path
        if self.is_own and path is not None:
            with mapped_errors(path, "master key"), suppress(FileExistsError):
                create_private(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
                give_to_owner_of(path.parent, path)

    def read(self, environment: Mapping[str, str] = os.environ) -> bytes:
        """Returns the 32 bytes.

        Raises:
            MasterKeyError: it is not there, or something else is.
        """
        try:
            text = self._text(environment)
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "is no text"
            raise MasterKeyError(f"{self}: cannot be read ({cause}). {FIX_MISSING}") from error
        except KeyError:
            raise MasterKeyError(f"{self}: there is no such variable. {FIX_MISSING}") from None
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise MasterKeyError(f"{self}: is not {KEY_BYTES} bytes in base64. {FIX_MISSING}")
        return key

    def _text(self, environment: Mapping[str, str]) -> str:
        if self.kind == "key":
            return self.place
        if self.kind == "env":
            return environment[self.place]
        path = self.path or credential_path(self.place, environment)
        return path.read_text(encoding="utf-8")

    def __str__(self) -> str:
        """Returns what may be shown: never the key."""
        return "master key" if self.kind == "key" else f"master key ({self.reference})"

    __repr__ = __str__


FIX_MISSING = (
    "Put the key back with which this store was made: without it no template can be read. "
    f"Outside of the service, a credential is looked for in {SOURCES}, which takes sudo. "
    "`openssl rand -base64 32` prints a key for a new store"
)

"""What an examination says of one thing."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    area: str
    """`machine`, `decoders`, `runtimes`, `configuration`, `folders`, `keys`, `people`, `ports`, `cameras`."""
    subject: str
    state: Literal["ok", "warn", "fail"]
    """warn: it works, though not well or not for long."""
    detail: str
    """No secrets."""
    fix: str = ""
    """What to do; empty if all is well."""

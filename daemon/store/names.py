"""What a person may be called."""

import unicodedata

from daemon.store.errors import InvalidNameError

LONGEST_NAME = 100


def normalise_name(name: str) -> str:
    """Returns the name in NFC with single spaces.

    Raises:
        InvalidNameError: it is empty, too long, or has characters that cannot be shown.
    """
    normal = unicodedata.normalize("NFC", " ".join(name.split()))
    if not normal:
        raise InvalidNameError("a person's name is empty. Give at least one character")
    if len(normal) > LONGEST_NAME:
        raise InvalidNameError(f"a person's name has {len(normal)} characters. Use at most {LONGEST_NAME}")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in normal):
        raise InvalidNameError("a person's name has characters that cannot be shown. Remove them")
    return normal


def name_key(name: str) -> str:
    """Returns what two names share that differ only in case or in their Unicode form."""
    return unicodedata.normalize("NFC", normalise_name(name).casefold())

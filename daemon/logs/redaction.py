"""Keeps secrets out of every text that leaves the process: what is known to be one is replaced, wherever it stands."""

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "***"
USER_INFO = re.compile(r"(?<=://)[^\s'\"<>]*@")
LEAST_LENGTH = 4
"""Of a secret that is replaced. The gaps that a shorter one would leave in every line tell more than they hide."""


class Redactor:
    """Replaces the secrets it was given, in their plain and in their URL-encoded form, and the user of any URL."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        self._spellings = sorted((s for s in spellings if len(s) >= LEAST_LENGTH), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        text = USER_INFO.sub("", text)
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        return text


def secrets_of_address(address: str) -> Iterator[str]:
    """Yields the password of a camera's address and its query, which may hold one; a path holds none."""
    if "://" not in address:
        return
    # Not urlsplit's own password: it ends at a "#" or "?" that a careless user did not encode.
    credentials = address.partition("://")[2].rpartition("@")[0]
    yield credentials.partition(":")[2]
    query = urlsplit(address).query
    yield from (query, *query.split("&"))


def _spellings(secret: str) -> set[str]:
    """Returns the secret as it is, as in an address, and as in the text of an error that quotes it."""
    plain = unquote(secret)
    return {secret, plain, quote(plain), quote(plain, safe=""), repr(plain)[1:-1], json.dumps(plain)[1:-1]}

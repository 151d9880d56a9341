"""Keeps the credentials of a camera's address out of every text that leaves the process."""

import re
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "***"
USER_INFO = re.compile(r"(?<=://)[^\s'\"<>]*@")


def redact(text: str, address: str = "") -> str:
    """Returns the text without user and password of any URL in it.

    Args:
        text: what is to be shown, for example an exception's message.
        address: the camera's address; its password and its query (which may hold one) are hidden wherever they stand,
            in their plain and in their URL-encoded form.
    """
    text = USER_INFO.sub("", text)
    for secret in sorted(_secrets(address), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets(address: str) -> set[str]:
    if "://" not in address:
        return set()
    # Not urlsplit's own password: it ends at a "#" or "?" that a careless user did not encode.
    rest = address.partition("://")[2]
    credentials = rest.rpartition("@")[0]
    password = credentials.partition(":")[2]
    plain = unquote(password)
    query = urlsplit(address).query
    secrets = {password, plain, quote(plain), quote(plain, safe=""), query, *query.split("&")}
    return secrets - {""}

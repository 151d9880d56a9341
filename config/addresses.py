"""What may stand in a camera's `url`. No message quotes it: misspelt, it may have a password anywhere."""

from urllib.parse import urlsplit

SCHEMES = ("rtsp", "rtsps", "file")


def normalised_address(text: str) -> str:
    """Returns the address without blanks around it and with its scheme in lower case.

    Raises:
        ValueError: it is neither an RTSP address nor a path.
    """
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    scheme, separator, rest = text.partition("://")
    if not separator:
        if "@" in text or text.lower().startswith(("rtsp:", "rtsps:")):
            # Taken for a file, its password would be shown as part of a path.
            raise ValueError("looks like a camera's address without rtsp:// (or write file:// before a path with an @)")
        return text
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        raise ValueError("has a scheme that is not supported (rtsp://, rtsps://, a file's path or /dev/videoN)")
    if scheme != "file":
        _check_host(f"{scheme}://{rest}")
    return f"{scheme}://{rest}"


def _check_host(address: str) -> None:
    parts = urlsplit(address)
    if "@" in parts.path + parts.query + parts.fragment and "@" not in parts.netloc:
        raise ValueError("has a /, ? or # in its password. Use the keys username and password instead")
    if not parts.hostname:
        raise ValueError("names no host")
    try:
        _port = parts.port
    except ValueError:
        raise ValueError("has a port that is no number from 1 to 65535") from None

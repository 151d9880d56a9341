"""`[web]`: metrics and health over HTTP."""

import ipaddress
from typing import NamedTuple, Self

from pydantic import field_validator, model_validator

from config.section import Section


class WebAddress(NamedTuple):
    host: str
    """An IP address."""
    port: int


class WebSettings(Section):
    """What Prometheus and health checks read. It names cameras and counts decisions; people are not in it."""

    listen: str = "127.0.0.1:9780"
    """Where `/metrics`, `/health` and `/status` answer, `127.0.0.1:9780` or `[::1]:9780`; empty: nowhere."""
    allow_unencrypted_beyond_loopback: bool = False
    """Whether `listen` may be an address that other machines reach: nothing encrypts it, and everybody may read."""

    @field_validator("listen")
    @classmethod
    def _checked(cls, listen: str) -> str:
        if listen:
            parse_listen(listen)
        return listen

    @model_validator(mode="after")
    def _told_if_open(self) -> Self:
        address = self.address
        if (
            address
            and not ipaddress.ip_address(address.host).is_loopback
            and not self.allow_unencrypted_beyond_loopback
        ):
            raise ValueError(
                "listen is not a loopback address: others could read it, unencrypted. "
                "Listen on 127.0.0.1, or write allow_unencrypted_beyond_loopback = true beside it"
            )
        return self

    @property
    def address(self) -> WebAddress | None:
        """Where to listen; None: nowhere."""
        return parse_listen(self.listen) if self.listen else None


def parse_listen(text: str) -> WebAddress:
    """Returns the parts of `ADDRESS:PORT`; an IPv6 address stands in brackets.

    Raises:
        ValueError: it is something else.
    """
    host, separator, port = text.rpartition(":")
    # The brackets are what tells an address from the colons of its port.
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        address = None
    if address is None or not separator or bracketed != (address.version == 6):
        raise ValueError("is not ADDRESS:PORT with an IP address, such as 127.0.0.1:9780 or [::1]:9780")
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        raise ValueError("has a port that is no number from 1 to 65535")
    return WebAddress(str(address), int(port))

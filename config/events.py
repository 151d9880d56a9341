"""`[events]`: what the daemon publishes, and how long it remembers."""

from typing import Literal, Self

from pydantic import Field, IPvAnyAddress, model_validator

from config.days import DaysOrNever
from config.section import Section


class NetworkSettings(Section):
    """Events and requests for other machines, over TCP. Programs on this machine use the sockets in the runtime folder,
    with or without this section."""

    address: IPvAnyAddress
    """IP address of this machine on which to listen; `0.0.0.0` or `::` is all of them."""
    port: int = Field(9781, ge=1, le=65535)
    """Where events are published."""
    requests_port: int | None = Field(None, ge=1, le=65535)
    """Where replay and control requests are answered; unset: the port after `port`."""
    encryption: Literal["curve", "none"] = "curve"
    """curve: encrypted, and only for clients with a key of `deconvid keys new`. none: for everybody who reaches the
    address, who may then read who is where, but control nothing."""
    allow_unencrypted_beyond_loopback: bool = False
    """Whether `address` may be one that other machines reach while `encryption` is none."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.encryption == "none" and not self.address.is_loopback and not self.allow_unencrypted_beyond_loopback:
            raise ValueError(
                "address is not a loopback address and encryption is none: everybody on the network could read who is "
                'where. Write encryption = "curve", or allow_unencrypted_beyond_loopback = true beside it'
            )
        if self.port == 65535 and self.requests_port is None:
            raise ValueError("port is the last one there is: set requests_port too")
        if self.requests_port == self.port:
            raise ValueError("port and requests_port are the same")
        return self

    @property
    def requests(self) -> int:
        """The port of requests."""
        return self.requests_port or self.port + 1

    @property
    def events_endpoint(self) -> str:
        return tcp_endpoint(str(self.address), self.port)

    @property
    def requests_endpoint(self) -> str:
        return tcp_endpoint(str(self.address), self.requests)


class EventSettings(Section):
    network: NetworkSettings | None = None
    """Unset: no other machine can listen."""
    keep_days: DaysOrNever = 30
    """Events older than this are deleted from the store, which otherwise tells for ever who was where."""
    keep_megabytes: int | None = Field(None, ge=1)
    """About so much of the store may be events; beyond it the oldest are deleted. Unset: no limit."""
    format: Literal["json", "msgpack"] = "json"
    """How events are written on the wire: JSON, or MessagePack, which is a little smaller."""


def tcp_endpoint(host: str, port: int) -> str:
    """Returns a ZeroMQ endpoint; the colons of an IPv6 address are set apart by brackets."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"

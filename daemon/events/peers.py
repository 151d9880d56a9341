"""Who asks, told by the connection that a message came over, never by the message."""

from dataclasses import dataclass

import zmq

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Peer:
    actor: str
    """For the audit: `local:UID`, `key:NAME`, or `plain:ADDRESS` over TCP without encryption."""
    client: str
    """Whose requests are counted together."""
    key: str | None = None
    """Name of the client's key, if it has proved to have one."""

    @property
    def is_local(self) -> bool:
        return self.actor.startswith(LOCAL)


def local_peer(frame: zmq.Frame) -> Peer:
    """Of a message from a Unix socket, whose kernel vouches for the other side."""
    _host, uid, _gid, pid = _property(frame, "Peer-Address").rsplit(":", 3)
    return Peer(f"{LOCAL}:{uid}", f"{LOCAL}:{uid}:{pid}")


def network_peer(frame: zmq.Frame) -> Peer:
    """Of a message from a TCP socket."""
    name = _property(frame, "User-Id")
    if name:
        return Peer(f"key:{name}", f"key:{name}", name)
    address = _property(frame, "Peer-Address")
    return Peer(f"plain:{address}", f"plain:{address}")


def _property(frame: zmq.Frame, name: str) -> str:
    try:
        return str(frame.get(name))
    except zmq.ZMQError:  # the connection has none
        return ""

"""A client's key file, as `deconvid keys new` writes it: the one thing a program elsewhere needs to listen over TCP."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import zmq

from deconvid_client.errors import KeyFileError


@dataclass(frozen=True, slots=True)
class KeyFile:
    name: str
    """By which the daemon knows the client."""
    role: str
    """`subscriber` may listen and replay, `operator` may also control the daemon."""
    events: str
    """ZeroMQ endpoint of the daemon's publisher."""
    requests: str
    """ZeroMQ endpoint where the daemon answers."""
    server_key: str
    """Public key of the daemon: only who has its secret half can answer as the daemon."""
    public_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Raises KeyFileError; its text shows nothing of the file."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise KeyFileError(
                f"{path}: cannot be read ({error.strerror}). Give the file of `deconvid keys new`"
            ) from None
        except ValueError:
            document = None
        # Keys that a newer daemon adds are passed over.
        values = [document.get(one.name) for one in fields(cls)] if isinstance(document, dict) else [None]
        if not all(isinstance(value, str) for value in values):
            raise KeyFileError(f"{path}: is no key file. Have a new one made with `deconvid keys new`")
        return cls(*values)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    def secure(self, socket: zmq.Socket[Any]) -> None:
        """Makes a socket encrypt, prove who it is and demand the same of the daemon; before it connects.

        Raises:
            KeyFileError: a key in the file is none.
        """
        try:
            socket.setsockopt_string(zmq.CURVE_SERVERKEY, self.server_key)
            socket.setsockopt_string(zmq.CURVE_PUBLICKEY, self.public_key)
            socket.setsockopt_string(zmq.CURVE_SECRETKEY, self.secret_key)
        except zmq.ZMQError:
            raise KeyFileError(f"the key file of {self.name!r} is damaged. Have a new one made") from None

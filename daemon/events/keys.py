"""Who may listen over TCP: the server's CURVE key pair and the public keys of its clients, in one folder.

    keys/server.json          the daemon's own pair; the clients know its public half
    keys/clients/NAME.json    a public key that may connect, and its role; the client alone has the secret half

Every change is one atomic replacement or removal of a file, so that the daemon may read at any time.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import zmq

from daemon.events.errors import KeysError
from daemon.private_files import make_private_folder, replace_private

Role = Literal["subscriber", "operator"]
"""A subscriber may listen and replay; an operator may also control the daemon."""

CLIENT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
Z85_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


class ServerKey(msgspec.Struct, frozen=True):
    public_key: str
    """40 characters of Z85, as all keys."""
    secret_key: str
    created_at: str
    """RFC 3339, UTC, as all times here."""

    def __repr__(self) -> str:
        return f"ServerKey(public_key={self.public_key!r})"


class ClientKey(msgspec.Struct, frozen=True):
    name: str
    public_key: str
    role: Role
    created_at: str


@dataclass(frozen=True, slots=True)
class KeyPair:
    public_key: str
    secret_key: str

    @classmethod
    def generate(cls) -> "KeyPair":
        public, secret = zmq.curve_keypair()
        return cls(public.decode(), secret.decode())

    def __repr__(self) -> str:
        return f"KeyPair(public_key={self.public_key!r})"


Key = TypeVar("Key", ServerKey, ClientKey)


class KeyFolder:
    """All methods raise KeysError if the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._clients = folder, folder / "clients"
        self._server = folder / "server.json"

    def server(self) -> ServerKey:
        """Returns the server's key pair, which is made when it is asked for first."""
        try:
            return _read_server(self._server)
        except FileNotFoundError:
            pass
        with self._changing():
            # Another process may have made it while this one waited for its turn.
            return _read_server(self._server) if self._server.exists() else self._new_server()

    def rotate_server(self) -> ServerKey:
        """Makes a new key pair for the server; clients that know the old one only are shut out."""
        with self._changing():
            return self._new_server()

    def clients(self) -> tuple[list[ClientKey], list[KeysError]]:
        """Returns all clients by name, and what is wrong with the files that are not among them."""
        found: list[ClientKey] = []
        faults: list[KeysError] = []
        for path in self._client_files():
            try:
                found.append(_read_client(path))
            except FileNotFoundError:
                continue  # revoked since the folder was listed
            except KeysError as error:
                faults.append(error)
        return found, faults

    def add(self, name: str, public_key: str, role: Role) -> ClientKey:
        """Lets a client in.

        Raises:
            KeysError: the name cannot be used or is taken.
        """
        path = self._path(name)
        client = ClientKey(name, public_key, role, _now())
        with self._changing():
            if path.exists():
                raise KeysError(f"there is a key {name!r} already. Choose another name, or revoke that one first")
            replace_private(path, msgspec.json.format(msgspec.json.encode(client)))
        return client

    def revoke(self, name: str) -> None:
        """Shuts a client out; the daemon cuts its connections within a second or two.

        Raises:
            KeysError: there is no such client.
        """
        path = self._path(name)
        with self._changing():
            if not path.exists():
                raise KeysError(f"there is no key {name!r}. `deconvid keys list` shows them")
            path.unlink()

    def check(self) -> None:
        """Raises KeysError: what is there cannot be used. Makes nothing."""
        with suppress(FileNotFoundError):
            _read_server(self._server)
        self._client_files()

    def state(self) -> object:
        """Returns something that changes whenever a key does."""
        return tuple(_identity(path) for path in (self._server, *self._client_files()))

    def _client_files(self) -> list[Path]:
        try:
            return sorted(path for path in self._clients.iterdir() if path.suffix == ".json" and path.name[0] != ".")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _folder_error(self._clients, error) from error

    def _path(self, name: str) -> Path:
        if not CLIENT_NAME.fullmatch(name):
            raise KeysError(f"{name!r} cannot be a key's name. Take 1 to 32 of a-z, 0-9, - and _, first a-z or 0-9")
        return self._clients / f"{name}.json"

    def _new_server(self) -> ServerKey:
        pair = KeyPair.generate()
        key = ServerKey(pair.public_key, pair.secret_key, _now())
        replace_private(self._server, msgspec.json.format(msgspec.json.encode(key)))
        return key

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time, by whichever process."""
        try:
            make_private_folder(self._clients)
            lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)
        except OSError as error:
            raise _folder_error(self._folder, error) from error


def _read_server(path: Path) -> ServerKey:
    key = _read(path, ServerKey)
    try:
        public = zmq.curve_public(key.secret_key.encode()).decode()
    except (zmq.ZMQError, ValueError):
        raise _damaged(path) from None
    if public != key.public_key:
        raise _damaged(path)
    return key


def _read_client(path: Path) -> ClientKey:
    key = _read(path, ClientKey)
    if key.name != path.stem or not CLIENT_NAME.fullmatch(key.name) or not Z85_KEY.fullmatch(key.public_key):
        raise _damaged(path)
    return key


def _read(path: Path, kind: type[Key]) -> Key:
    """Raises FileNotFoundError, KeysError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _folder_error(path, error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError):  # their text may quote a key
        raise _damaged(path) from None


def _damaged(path: Path) -> KeysError:
    return KeysError(f"{path}: is no key of DeconvID's. Remove it and make a new one (`deconvid keys --help`)")


def _identity(path: Path) -> tuple[str, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return path.name, status.st_ino, status.st_mtime_ns, status.st_size


def _folder_error(path: Path, error: OSError) -> KeysError:
    return KeysError(f"{path}: {error.strerror}. Run this as the daemon's own user, or correct the folder's owner")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

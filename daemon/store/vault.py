"""Seals what shows a person: AES-256-GCM (NIST SP 800-38D) under a random key for each subject.

A sealed value is one byte of version, a random nonce of 12 bytes, the ciphertext and a tag of 16 bytes. Subject and
context (table, column, model) are authenticated with it: what was moved to another row, or changed, does not open.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from daemon.store import keyring
from daemon.store.errors import KeyRingError, MasterKeyError, UnreadableError
from daemon.store.keyring import KeyRing
from daemon.store.master_key import KEY_BYTES, MasterKey

VERSION = b"\x01"
NONCE_BYTES = 12
HEADER_BYTES = len(VERSION) + NONCE_BYTES

Item = tuple[str, bytes, str]
"""Subject (`person:7`, `stranger:12`), data, context (`templates.crop:` and the digest of a model)."""


class Vault:
    """Reads nothing until it is used: who lists people needs no master key."""

    def __init__(self, ring: KeyRing, master_key: MasterKey) -> None:
        self.ring = ring
        self.master_key = master_key
        self._unlocked: tuple[bytes, AESGCM] | None = None
        """The ring's proof, and what opened it."""

    @classmethod
    def beside(cls, database: Path, master_key: MasterKey) -> Self:
        return cls(KeyRing(database.with_name(keyring.FILE_NAME)), master_key)

    def make(self) -> str:
        """Makes the ring, and the master key if the program may, where there is none; returns the ring's id.

        Raises:
            MasterKeyError: it is not there, or not the one with which the ring was made.
            KeyRingError: the ring cannot be used.
        """
        if not self.ring.path.exists():
            self.master_key.make()
        cipher = AESGCM(self.master_key.read())
        self.ring.make(lambda id: _seal(cipher, b"", id))
        return self.check()

    def check_unused(self) -> None:
        """Raises KeyRingError: there is a ring already, and somebody's keys are in it."""
        if self.ring.is_used():
            fault = f"key ring {self.ring.path.name}: belongs to another database, which is not here"
            raise KeyRingError(f"{fault}. Put that database back, or move its key ring away too; nothing was changed")

    def check(self, ring_id: str | None = None) -> str:
        """Returns the ring's id, once the master key has opened its proof.

        Args:
            ring_id: which the ring must have.

        Raises:
            MasterKeyError: it is not there, or not the one with which the ring was made.
            KeyRingError: the ring is not there, or belongs to another database.
        """
        self.check_ring(ring_id)
        id, _, _ = self._unlock()
        return id

    def check_ring(self, ring_id: str | None) -> None:
        """Raises KeyRingError: the ring is not there, or has another id. Needs no master key."""
        id, _ = self.ring.facts()
        if ring_id not in (None, id):
            fault = f"key ring {self.ring.path.name}: belongs to another database"
            raise KeyRingError(f"{fault}. Put the ring of this database back; nothing was changed")

    def seal(self, subject: str, data: bytes, context: str) -> bytes:
        """Returns the data sealed under the subject's key, which is made if there is none.

        Raises:
            MasterKeyError, KeyRingError, StoreError: nothing was sealed.
        """
        [sealed] = self.seal_many([(subject, data, context)])
        return sealed

    def seal_many(self, items: Sequence[Item]) -> list[bytes]:
        """Returns each item sealed, as `seal` does; the new keys of all are written at once."""
        ciphers = self._ciphers({subject for subject, _, _ in items}, make=True)
        return [_seal(ciphers[subject], data, _bound(subject, context)) for subject, data, context in items]

    def open(self, subject: str, sealed: bytes, context: str) -> bytes:
        """Returns what was sealed.

        Raises:
            UnreadableError: the subject's key was destroyed, or the data is not what was sealed.
            MasterKeyError, KeyRingError, StoreError: no key can be read.
        """
        [data] = self.open_many([(subject, sealed, context)])
        if data is None:
            raise UnreadableError(f"what is stored of {subject} cannot be opened: {WHY_UNREADABLE}")
        return data

    def open_many(self, items: Sequence[Item]) -> Iterator[bytes | None]:
        """Yields each item as it was before it was sealed, None in place of one that cannot be opened."""
        ciphers = self._ciphers({subject for subject, _, _ in items}, make=False)
        for subject, sealed, context in items:
            cipher = ciphers.get(subject)
            yield None if cipher is None else _open(cipher, sealed, _bound(subject, context))

    def destroy(self, *subjects: str) -> None:
        """Destroys keys: what they sealed, in the database and in every copy of it, is gone. Needs no master key."""
        self.ring.destroy(subjects)

    def exchange_master_key(self, new: MasterKey) -> int:
        """Wraps every key with another master key, which opens the ring from then on; returns how many there are.

        Whatever ends it, the ring is all of the old key or all of the new one. What the keys sealed stays as it is.

        Raises:
            MasterKeyError: one of the two is no key or not there, or the old one is not the ring's, or both are one.
            KeyRingError: a key cannot be opened with the old master key, or was not the same afterwards.
        """
        id, proof, old = self._unlock()
        if new.read() == self.master_key.read():
            raise MasterKeyError(f"{new}: is the key that is in use. `openssl rand -base64 32` prints a new one")
        cipher, digests = AESGCM(new.read()), dict[str, bytes]()

        def anew(subject: str, wrapped: bytes) -> bytes:
            key = _open(old, wrapped, _bound(id, subject))
            if key is None:
                raise self._damaged(subject)
            digests[subject] = hashlib.sha256(key).digest()
            return _seal(cipher, key, _bound(id, subject))

        count = self.ring.rewrap(anew, proof, _seal(cipher, b"", id))
        self.master_key, self._unlocked = new, None
        self._verify(digests)
        return count

    def _verify(self, digests: Mapping[str, bytes]) -> None:
        """Raises KeyRingError: a subject's key is not the one of this digest; keys destroyed meanwhile do not count."""
        id, proof, master = self._unlock()
        for subject, wrapped in self.ring.keys(digests, proof).items():
            key = _open(master, wrapped, _bound(id, subject))
            if key is None or hashlib.sha256(key).digest() != digests[subject]:
                fault = f"key ring {self.ring.path.name}: the key of {subject} is not what it was before the exchange"
                raise KeyRingError(f"{fault}. Put your newest copy of the ring back, with the old master key")

    def _ciphers(self, subjects: Collection[str], make: bool) -> Mapping[str, AESGCM]:
        if not subjects:
            return {}
        id, proof, master = self._unlock()
        wrapped = self.ring.keys(subjects, proof)
        if make and (missing := [subject for subject in subjects if subject not in wrapped]):
            new = ((s, _seal(master, secrets.token_bytes(KEY_BYTES), _bound(id, s))) for s in missing)
            self.ring.add(new, proof)
            wrapped |= self.ring.keys(missing, proof)  # of another process, if it was first
        keys = ((subject, _open(master, key, _bound(id, subject))) for subject, key in wrapped.items())
        ciphers = {subject: AESGCM(key) for subject, key in keys if key is not None}
        if make and (damaged := sorted(set(subjects) - ciphers.keys())):
            raise self._damaged(damaged[0])
        return ciphers

    def _damaged(self, subject: str) -> KeyRingError:
        fix = "Restore a copy of the ring, or erase whom the key belongs to; nothing was changed"
        return KeyRingError(f"key ring {self.ring.path.name}: the key of {subject} cannot be opened. {fix}")

    def _unlock(self) -> tuple[str, bytes, AESGCM]:
        """Returns the ring's id, its proof, and what the master key opens with; reads the key once for each proof."""
        id, proof = self.ring.facts()
        if self._unlocked is None or self._unlocked[0] != proof:
            cipher = AESGCM(self.master_key.read())
            if _open(cipher, proof, id) is None:
                fix = "Put back the key with which this store was made; nothing was changed"
                raise MasterKeyError(f"{self.master_key}: is not the one of this key ring. {fix}")
            self._unlocked = proof, cipher
        return id, proof, self._unlocked[1]


WHY_UNREADABLE = "its key was destroyed, or the data was changed. Restore a backup, or erase and enrol again"


def _bound(*parts: str) -> str:
    return "\0".join(parts)


def _seal(cipher: AESGCM, data: bytes, bound: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return VERSION + nonce + cipher.encrypt(nonce, data, bound.encode())


def _open(cipher: AESGCM, sealed: bytes, bound: str) -> bytes | None:
    if sealed[:1] != VERSION or len(sealed) < HEADER_BYTES:
        return None
    try:
        return cipher.decrypt(sealed[1:HEADER_BYTES], sealed[HEADER_BYTES:], bound.encode())
    except InvalidTag:
        return None

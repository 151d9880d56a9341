"""A stream of bytes as one file under a passphrase: whoever changes, cuts or lengthens it gets nothing out of it.

    magic 16 | version 1 | salt 16 | proof 16 | chunk | chunk | ... | last chunk

The key is scrypt(passphrase, salt) (RFC 7914). Chunks are AES-256-GCM in the STREAM construction (Hoang et al. 2015,
https://eprint.iacr.org/2015/189): a nonce is the chunk's number and whether it is the last one, so that none can be
left out, doubled or moved; what is before the proof is authenticated with each. The proof is the tag of an empty
message: it tells a wrong passphrase from a damaged file.
"""

import io
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from config.errors import DeconvIDError

MAGIC = b"DeconvID gallery"
VERSION = b"\x01"
SALT_BYTES = TAG_BYTES = 16
HEAD_BYTES = len(MAGIC) + len(VERSION) + SALT_BYTES
CHUNK_BYTES = 1 << 16
PROOF = (1 << 88) - 1
"""Number of a chunk that no file is long enough to have."""

DeriveKey = Callable[[str, bytes], bytes]
"""Passphrase and salt to 32 bytes."""


class GalleryFileError(DeconvIDError):
    """A gallery's file that cannot be written, read or trusted."""


class WrongPassphraseError(GalleryFileError):
    """It was written with another passphrase."""


def derive_key(passphrase: str, salt: bytes) -> bytes:
    """Takes 128 MB and a good part of a second, as it will for each guess of somebody else."""
    return Scrypt(salt=salt, length=32, n=1 << 17, r=8, p=1).derive(passphrase.encode())


def write_sealed(file: BinaryIO, data: Iterable[bytes], passphrase: str, derive: DeriveKey = derive_key) -> None:
    """Writes pieces of any length. Raises OSError."""
    head = MAGIC + VERSION + secrets.token_bytes(SALT_BYTES)
    cipher = AESGCM(derive(passphrase, head[-SALT_BYTES:]))
    file.write(head + cipher.encrypt(_nonce(PROOF, True), b"", head))
    rest, number = bytearray(), 0
    for piece in data:
        rest += piece
        while len(rest) > CHUNK_BYTES:  # not >=: what remains at the end is the last chunk
            file.write(cipher.encrypt(_nonce(number, False), bytes(rest[:CHUNK_BYTES]), head))
            del rest[:CHUNK_BYTES]
            number += 1
    file.write(cipher.encrypt(_nonce(number, True), bytes(rest), head))


class SealedFile:
    """A file that `write_sealed` wrote, and whose passphrase is right; it can be read any number of times."""

    def __init__(self, file: BinaryIO, passphrase: str, derive: DeriveKey = derive_key) -> None:
        """
        Raises:
            WrongPassphraseError: it was written with another one.
            GalleryFileError: it is no such file, or of a newer version.
            OSError: it cannot be read.
        """
        self._file = file
        self._head = file.read(HEAD_BYTES)
        if not is_sealed_file(self._head):
            raise GalleryFileError("is no gallery that DeconvID exported. Name the file that `people export` wrote")
        if self._head[len(MAGIC) : len(MAGIC) + 1] not in (VERSION, b""):
            raise GalleryFileError("was written by a newer DeconvID. Update this one")
        proof = file.read(TAG_BYTES)
        if len(proof) < TAG_BYTES:
            raise GalleryFileError(f"{CUT}. {COPY_AGAIN}")
        self._cipher = AESGCM(derive(passphrase, self._head[-SALT_BYTES:]))
        try:
            self._cipher.decrypt(_nonce(PROOF, True), proof, self._head)
        except InvalidTag:
            raise WrongPassphraseError(
                "does not open with this passphrase. Give the one with which it was exported"
            ) from None

    def open(self) -> io.BufferedReader:
        """Returns the bytes from their beginning; reading raises GalleryFileError where they were changed or cut."""
        self._file.seek(HEAD_BYTES + TAG_BYTES)
        return io.BufferedReader(_Pieces(self._chunks()), CHUNK_BYTES)

    def _chunks(self) -> Iterator[bytes]:
        number, chunk = 0, self._file.read(CHUNK_BYTES + TAG_BYTES)
        while True:
            following = self._file.read(CHUNK_BYTES + TAG_BYTES)
            try:
                yield self._cipher.decrypt(_nonce(number, not following), chunk, self._head)
            except InvalidTag:
                raise GalleryFileError(f"is damaged, or {CUT}. {COPY_AGAIN}") from None
            if not following:
                return
            number, chunk = number + 1, following


class _Pieces(io.RawIOBase):
    """An iterator of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


CUT = "was cut off while it was copied"
COPY_AGAIN = "Copy it again, or export it again; nothing was imported"


def is_sealed_file(head: bytes) -> bool:
    """Whether a file that begins so claims to be one of these, of whatever version."""
    return head.startswith(MAGIC)


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])

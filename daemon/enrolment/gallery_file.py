"""What stands in an exported gallery: a head, then each person, followed by the person's templates."""

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BufferedReader

import msgspec

from daemon.enrolment.sealed_file import GalleryFileError

LARGEST_RECORD = 1 << 20
LENGTH = struct.Struct(">I")


class GalleryHead(msgspec.Struct, frozen=True, array_like=True, tag="gallery"):
    model: str
    """Name of the embedder that was configured where it was exported."""
    model_digest: str
    people: int
    templates: int
    """How many there were when the export began."""
    exported_at: datetime


class PersonRecord(msgspec.Struct, frozen=True, array_like=True, tag="person"):
    name: str
    consent_basis: str | None
    consent_at: datetime | None
    expires_at: datetime | None


class TemplateRecord(msgspec.Struct, frozen=True, array_like=True, tag="template"):
    model_digest: str
    embedding: bytes
    """float32, little-endian, L2 norm 1."""
    quality: float
    crop: bytes
    """JPEG of the aligned 112x112 crop."""
    source: str
    source_digest: str | None


Record = GalleryHead | PersonRecord | TemplateRecord

_decoder = msgspec.msgpack.Decoder(Record)


def encode_records(records: Iterable[Record]) -> Iterator[bytes]:
    """Yields each record behind its length."""
    for record in records:
        data = msgspec.msgpack.encode(record)
        yield LENGTH.pack(len(data)) + data


def decode_records(file: BufferedReader) -> Iterator[Record]:
    """Yields the records of a file; reads on as they are taken.

    Raises:
        GalleryFileError: there is something else in it, although nobody without the passphrase can have written it.
    """
    while head := file.read(LENGTH.size):
        length = int.from_bytes(head, "big")
        data = file.read(length) if length <= LARGEST_RECORD else b""
        try:
            yield _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise GalleryFileError(
                "holds what this DeconvID does not know. Import it with the one that wrote it"
            ) from None

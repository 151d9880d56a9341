import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.enrolment.sealed_file import (
    CHUNK_BYTES,
    HEAD_BYTES,
    MAGIC,
    TAG_BYTES,
    GalleryFileError,
    SealedFile,
    WrongPassphraseError,
    derive_key,
    is_sealed_file,
    write_sealed,
)


def cheap_key(passphrase: str, salt: bytes) -> bytes:
    """As `derive_key`, but for tests that need thousands."""
    return (passphrase.encode() + salt).ljust(32, b"\0")[:32]


def sealed(*pieces: bytes, passphrase: str = "word") -> bytes:
    file = io.BytesIO()
    write_sealed(file, pieces, passphrase, cheap_key)
    return file.getvalue()


def opened(data: bytes, passphrase: str = "word") -> bytes:
    return SealedFile(io.BytesIO(data), passphrase, cheap_key).open().read()


SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES)
WHOLE = {size: sealed(b"x" * size) for size in SIZES}


@given(pieces=st.lists(st.binary(max_size=1000) | st.sampled_from(SIZES).map(bytes), max_size=6))
def test_bytes_come_back_as_they_went_in(pieces: list[bytes]) -> None:
    assert opened(sealed(*pieces)) == b"".join(pieces)


@settings(max_examples=300)
@given(size=st.sampled_from(SIZES), data=st.data())
def test_any_flipped_bit_is_refused(size: int, data: st.DataObject) -> None:
    changed = bytearray(WHOLE[size])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(GalleryFileError):
        opened(bytes(changed))


@settings(max_examples=300)
@given(size=st.sampled_from(SIZES), data=st.data())
def test_any_cut_is_refused(size: int, data: st.DataObject) -> None:
    whole = WHOLE[size]
    with pytest.raises(GalleryFileError):
        opened(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(size=st.sampled_from(SIZES), tail=st.binary(min_size=1, max_size=100))
def test_any_appendix_is_refused(size: int, tail: bytes) -> None:
    with pytest.raises(GalleryFileError):
        opened(WHOLE[size] + tail)


def test_chunks_that_were_moved_left_out_or_doubled_are_refused() -> None:
    whole, head = sealed(bytes(range(256)) * 1024), HEAD_BYTES + TAG_BYTES
    step = CHUNK_BYTES + TAG_BYTES
    chunks = [whole[at : at + step] for at in range(head, len(whole), step)]
    assert len(chunks) == 4
    for order in ([1, 0, 2, 3], [0, 2, 3], [0, 0, 1, 2, 3], [0, 1, 2], [3]):
        with pytest.raises(GalleryFileError):
            opened(whole[:head] + b"".join(chunks[i] for i in order))


def test_a_wrong_passphrase_is_told_apart_from_damage() -> None:
    with pytest.raises(WrongPassphraseError, match="passphrase"):
        opened(WHOLE[1], "other")
    with pytest.raises(GalleryFileError, match="damaged"):
        opened(WHOLE[1][:-1])


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "no gallery"), (b"PK\x03\x04", "no gallery"), (MAGIC + b"\x02", "newer"), (MAGIC, "cut off")],
)
def test_other_files_are_named_as_such(data: bytes, message: str) -> None:
    with pytest.raises(GalleryFileError, match=message):
        opened(data)


def test_a_file_shows_nothing_of_what_is_in_it_and_two_are_never_alike() -> None:
    assert b"secret" not in sealed(b"secret")
    assert WHOLE[1] != sealed(b"x")
    assert is_sealed_file(WHOLE[1])


def test_the_key_is_the_same_for_the_same_passphrase_and_salt_only() -> None:
    key = derive_key("word", b"s" * 16)
    assert len(key) == 32
    assert key == derive_key("word", b"s" * 16)
    assert key != derive_key("word", b"t" * 16)

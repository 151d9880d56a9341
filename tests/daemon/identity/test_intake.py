import contextlib

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.identity.intake import BadObservation, embedding_of, read_observation
from daemon.messages import LARGEST_PICTURE, CameraStateChanged, Picture, TrackEnded, TracksInSight, encode
from tests.daemon.factories import make_face, unit

GOOD = make_face("t1", unit(1))


def test_good_messages_pass_unchanged() -> None:
    for message in (
        GOOD,
        TrackEnded("door", "t1", 1, 2),
        TracksInSight({"door": ["t1", "t2"], "yard": []}),
        CameraStateChanged("door", "streaming", "", 3),
    ):
        assert read_observation(encode(message)) == message
    np.testing.assert_array_equal(embedding_of(GOOD), unit(1))


@pytest.mark.parametrize(
    "changes",
    [
        {"camera": "../door"},
        {"track": ""},
        {"track": "t" * 65},
        {"captured_wall_ns": -1},
        {"captured_wall_ns": 2**63},
        {"box": (0.0, 0.0, float("nan"), 1.0)},
        {"quality": float("nan")},
        {"quality": 1.5},
        {"embedding": b""},
        {"embedding": b"abc"},
        {"embedding": unit(1).tobytes()[:-4] + b"\x00\x00\xc0\x7f"},
        {"embedding": (unit(1) * 2).tobytes()},
        {"picture": Picture(b"GIF89a", (0, 0, 1, 1))},
        {"picture": Picture(b"\xff\xd8\xff" + bytes(LARGEST_PICTURE), (0, 0, 1, 1))},
        {"picture": Picture(b"\xff\xd8\xff", (0, 0, float("inf"), 1))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_value_out_of_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadObservation):
        read_observation(encode(msgspec.structs.replace(GOOD, **changes)))


@pytest.mark.parametrize("tracks", [{"../door": []}, {"door": ["t1", ""]}, {"door": ["t" * 65]}], ids=str)
def test_impossible_name_in_sight_is_refused(tracks: dict[str, list[str]]) -> None:
    with pytest.raises(BadObservation):
        read_observation(encode(TracksInSight(tracks)))


@given(st.one_of(st.binary(max_size=200), st.integers(0, 300).map(lambda n: encode(GOOD)[:n])))
def test_arbitrary_bytes_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(BadObservation):
        read_observation(data)


@given(st.integers(0, len(encode(GOOD)) - 1), st.integers(0, 255))
@example(encode(GOOD).index(b"a" * 64), 0x80)  # no UTF-8
def test_flipped_byte_is_a_message_or_refused(place: int, value: int) -> None:
    data = bytearray(encode(GOOD))
    data[place] = value
    with contextlib.suppress(BadObservation):
        read_observation(bytes(data))

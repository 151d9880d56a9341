import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.streams.packet_ring import NotInRing, PacketRing

MS = 1_000_000
FRAME_NS = 40 * MS


def fill(ring: PacketRing, frames: int, group: int = 10, size: int = 100) -> None:
    """Adds frames 0, 1, ... of 25 a second, a keyframe each `group`."""
    for i in range(frames):
        ring.add(bytes(size), i * FRAME_NS, i * FRAME_NS, is_keyframe=i % group == 0)


def miss(ring: PacketRing, wanted_ns: int) -> str:
    with pytest.raises(NotInRing) as missed:
        ring.way_to(wanted_ns)
    return missed.value.reason


@given(st.integers(0, 29 * FRAME_NS))
def test_the_nearest_frame_is_found_with_the_keyframe_before_it(wanted_ns):
    ring = PacketRing()
    fill(ring, 30)
    way = ring.way_to(wanted_ns)
    assert abs(way.wanted.captured_ns - wanted_ns) <= FRAME_NS / 2
    assert way.packets[0].captured_ns == way.wanted.captured_ns // (10 * FRAME_NS) * 10 * FRAME_NS
    assert way.steps == (way.wanted.captured_ns - way.packets[0].captured_ns) // FRAME_NS + 1
    assert way.packets[-1].captured_ns == 29 * FRAME_NS


def test_what_is_not_there_is_told_apart():
    ring = PacketRing(reach_ns=400 * MS)
    assert miss(ring, 0) == "not_yet"
    fill(ring, 100)
    assert miss(ring, 100 * FRAME_NS) == "not_yet"
    assert miss(ring, 0) == "too_late"
    ring.add(b"after a stall", 10**10, 10**10, is_keyframe=False)
    assert miss(ring, 7 * 10**9) == "no_frame"


def test_nothing_is_held_before_the_first_keyframe():
    ring = PacketRing()
    ring.add(b"x", 0, 0, is_keyframe=False)
    assert ring.held_bytes == 0
    assert miss(ring, 0) == "not_yet"


def test_a_frame_without_a_time_is_on_the_way_to_others_but_never_wanted():
    ring = PacketRing()
    ring.add(b"key", None, 0, is_keyframe=True)
    ring.add(b"next", FRAME_NS, FRAME_NS, is_keyframe=False)
    assert [packet.data for packet in ring.way_to(FRAME_NS).packets] == [b"key", b"next"]


def test_the_first_frame_with_a_time_is_not_taken_for_one_before_it():
    ring = PacketRing()
    for i in range(10):
        ring.add(b"x", i * FRAME_NS if i > 4 else None, i * FRAME_NS, is_keyframe=i == 0)
    assert ring.way_to(5 * FRAME_NS).wanted.captured_ns == 5 * FRAME_NS
    assert miss(ring, 5 * FRAME_NS - 1) == "undated"


def test_dates_from_before_the_clock_lost_its_footing_are_not_trusted():
    ring = PacketRing()
    fill(ring, 5)
    ring.add(b"x", None, 5 * FRAME_NS, is_keyframe=False)
    assert miss(ring, 2 * FRAME_NS) == "undated"


def test_a_frame_beside_one_that_was_lost_is_near_enough_and_one_beside_a_gap_is_not():
    ring = PacketRing()
    fill(ring, 20)
    for number in (21, 25, 26):
        ring.add(b"x", number * FRAME_NS, number * FRAME_NS, is_keyframe=False)
    assert ring.way_to(20 * FRAME_NS).wanted.captured_ns in (19 * FRAME_NS, 21 * FRAME_NS)
    assert miss(ring, 23 * FRAME_NS) == "no_frame"


def test_a_frame_shown_before_its_keyframe_needs_the_group_before():
    ring = PacketRing()
    for name, shown, is_keyframe in [("I", 0, 1), ("P", 3, 0), ("b", 2, 0), ("I", 6, 1), ("b", 5, 0), ("P", 9, 0)]:
        ring.add(name.encode(), shown * FRAME_NS, shown * FRAME_NS, is_keyframe=bool(is_keyframe))
    assert b"".join(packet.data for packet in ring.way_to(5 * FRAME_NS).packets) == b"IPbIbP"
    assert b"".join(packet.data for packet in ring.way_to(6 * FRAME_NS).packets) == b"IbP"


def test_a_group_without_end_is_let_go():
    ring = PacketRing(longest_ns=1000 * MS)
    fill(ring, 30, group=1000)
    assert ring.held_bytes == 0
    fill(ring, 5, group=1000)
    assert ring.held_bytes == 500


def test_another_stream_begins_with_its_own_keyframe():
    ring = PacketRing()
    fill(ring, 5)
    ring.clear()
    ring.add(b"x", 5 * FRAME_NS, 5 * FRAME_NS, is_keyframe=False)
    assert ring.held_bytes == 0


packets = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 400 * MS), st.booleans(), st.booleans()), max_size=80)


@given(packets)
def test_the_ring_stays_in_its_bounds_and_begins_with_a_keyframe(stream):
    ring, now_ns = PacketRing(reach_ns=500 * MS, longest_ns=2000 * MS, most_bytes=2000), 0
    keyframes: set[bytes] = set()
    for number, (size, step_ns, is_keyframe, is_dated) in enumerate(stream):
        now_ns += step_ns
        data = number.to_bytes(2, "big") + bytes(size)
        if is_keyframe:
            keyframes.add(data)
        ring.add(data, now_ns if is_dated else None, now_ns, is_keyframe=is_keyframe)
        assert ring.held_bytes <= 2000
        try:
            way = ring.way_to(now_ns)
        except NotInRing:
            continue
        assert way.packets[0].data in keyframes
        assert now_ns - way.packets[0].arrived_ns <= 2000 * MS
        numbers = [packet.number for packet in way.packets]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert way.wanted in way.packets
        assert sum(len(packet.data) for packet in way.packets) <= ring.held_bytes


@given(st.integers(1, 60), st.integers(100, 300))
def test_no_more_is_held_than_the_reach_and_a_group(group, frames):
    ring = PacketRing(reach_ns=1000 * MS)
    fill(ring, frames, group)
    assert ring.held_bytes <= 100 * (25 + 2 * group)
    newest = (frames - 1) * FRAME_NS
    assert ring.way_to(max(0, newest - 1000 * MS)).wanted.captured_ns <= newest

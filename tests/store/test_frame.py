"""Frames: packed and read again, added up in any order, without a loss."""

from __future__ import annotations

import zlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.recording.buckets import grid_of
from vitalspan.store.errors import StoreError
from vitalspan.store.frame import (
    GROUP,
    PLAIN_GRID,
    Frame,
    PlainBuckets,
    SparseBuckets,
)
from vitalspan.store.packed_frame import PackedFrame, add_all, pack_dense, pack_sparse

durations = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=20)
contents = st.dictionaries(st.integers(0, GROUP - 1), durations, max_size=GROUP)
full_contents = st.lists(durations, min_size=GROUP, max_size=GROUP).map(
    lambda each: dict(enumerate(each))
)
extras = st.dictionaries(
    st.tuples(st.integers(0, GROUP - 1), st.sampled_from(["error:ValueError", "hits", "ü"])),
    st.floats(0.5, 1e9),
    max_size=4,
)

OF_THE_FIRST_VERSION = (
    "480d05c1316ac2500000d0f7db62cfa063d67e44f942b14bb214d241b01d5c420603820541f8ad9770f2021ec0db94"
    "f424ee0ebe171eea9a115ef0f4fc288600af922449d2e0bf2add5c5cf516babf6559bab9b8ea2d749655e9cbc7f15c"
    "cd4f3e0d0501001000000000410c4d338bc526e77d7e5bad7787cd7bcefb5cc4e978d2c6661e8bedf7ef4f11d378d2"
    "b6771dbb1ee0"
)

OF_THE_SECOND_VERSION = (
    "020248480000040000002b000000040703002c01010000000000000000000640373333333333d33f00008a4052499d"
    "39000000000000d03ffca9f1d24d62503f0000000000000040fca9f1d24d62503f480d9b306345a082828205230323"
    "0323830e6374b4898e526a51517e915558624e69aa6b51517e91928ea19e41ac4eb4a58e52466649b1928eb19e416c"
    "2c00d50c102619123a00"
)


def frame_of(calls: dict[int, list[float]], more: dict[tuple[int, str], float]) -> Frame:
    frame = Frame()
    frame.extras = dict(more)
    for place, each in calls.items():
        frame.counts[place] = len(each)
        frame.errors[place] = len(each) // 2
        frame.totals[place] = sum(each)
        frame.squares[place] = sum(seconds * seconds for seconds in each)
        frame.shortest[place], frame.longest[place] = min(each), max(each)
        frame.add_buckets(place, Counter(map(PLAIN_GRID.bucket, each)))
    return frame


def content(frame: Frame) -> tuple[object, ...]:
    columns = (frame.counts, frame.errors, frame.totals)
    return (*columns, frame.shortest, frame.longest, frame.sketches, frame.extras)


@pytest.mark.parametrize("pack", [pack_dense, pack_sparse])
@given(contents, extras)
def test_what_is_packed_is_read_again(pack, calls, more):
    frame = frame_of(calls, more)
    again = Frame()
    PackedFrame(pack(frame)).add_to(again)
    assert content(again) == content(frame)
    assert again.squares == pytest.approx(frame.squares, rel=1e-6)
    assert again.places() == sorted({*calls, *(place for place, _ in more)})


@pytest.mark.parametrize("pack", [pack_dense, pack_sparse])
@given(contents | full_contents, contents | full_contents, extras)
def test_adding_packed_frames_is_adding_frames(pack, one, other, more):
    whole, read = frame_of(one, more), Frame()
    whole.add(frame_of(other, more))
    packed = [PackedFrame(pack(frame_of(calls, more))) for calls in (one, other)]
    for frame in packed:
        frame.add_to(read)
    together = Frame()
    add_all(packed, together)
    assert content(read) == content(together) == content(whole)


def test_a_frame_that_is_written_at_many_ticks_has_each_bucket_once():
    whole = tick = frame_of({1: [0.25, 0.5], 4: [0.5] * 3}, {(1, "hits"): 2.0})
    for _ in range(99):
        whole = whole.plus(tick)
    expected = frame_of({1: [0.25, 0.5] * 100, 4: [0.5] * 300}, {(1, "hits"): 200.0})
    expected.errors[4] = 100
    assert content(whole) == content(expected)
    whole = tick.plus(tick)
    assert len(whole.sparse_buckets().buckets) == len(tick.sparse_buckets().buckets) == 3
    assert len(pack_sparse(whole)) == len(pack_sparse(tick))


@pytest.mark.parametrize("pack", [pack_dense, pack_sparse])
@given(contents, extras, st.integers(0, GROUP - 1))
def test_one_series_is_read_by_itself(pack, calls, more, place):
    packed = PackedFrame(pack(frame_of(calls, more)))
    whole, single = Frame(), Frame()
    packed.add_to(whole)
    packed.add_series_to(single, place)
    assert single.counts[place] == whole.counts[place]
    assert single.longest[place] == whole.longest[place]
    assert single.buckets_by_place().get(place) == whole.buckets_by_place().get(place)
    assert all(where == place for where, _ in single.extras)


@pytest.mark.parametrize("pack", [pack_dense, pack_sparse])
@pytest.mark.parametrize("calls", [1, 255, 256, 70_000, 2**33])
@pytest.mark.parametrize("buckets", [{40}, {255, 0}, {256, 40}, {*range(256)}, {*range(300)}])
def test_any_number_of_calls_fits_in_any_bucket(pack, calls, buckets):
    frame = Frame()
    frame.counts[3] = calls * len(buckets)
    frame.add_buckets(3, dict.fromkeys(buckets, calls))
    again, single = Frame(), Frame()
    PackedFrame(pack(frame)).add_to(again)
    PackedFrame(pack(frame)).add_series_to(single, 3)
    for one in (again, single):
        assert one.counts == frame.counts
        assert one.buckets_by_place() == {3: dict.fromkeys(buckets, calls)}


def test_buckets_of_series_that_come_several_times_or_in_disorder_are_added_up():
    frame = Frame()
    for place, bucket in ((7, 40), (3, 300), (3, 40), (7, 40), (0, 0)):
        frame.counts[place] += 9
        frame.add_sparse(SparseBuckets([place], [2], [bucket, bucket], [4, 5]))
    again = Frame()
    PackedFrame(pack_sparse(frame)).add_to(again)
    assert again.buckets_by_place() == {0: {0: 9}, 3: {40: 9, 300: 9}, 7: {40: 18}}


@given(st.floats(1e-9, 1e9))
def test_buckets_of_a_monitor_are_parts_of_stored_ones(seconds):
    grid = grid_of((0.1, 0.25, 1.0))
    assert PlainBuckets(grid)[grid.bucket(seconds)] == PLAIN_GRID.bucket(seconds)


@pytest.mark.parametrize("pack", [pack_dense, pack_sparse])
def test_damage_is_told(pack):
    packed = pack(frame_of({3: [0.5]}, {}))
    for damaged in (b"", packed[:1], packed[:-3], b"y" + packed[1:]):
        with pytest.raises(StoreError, match="damaged"):
            PackedFrame(damaged)


def test_any_damaged_byte_of_a_sparse_frame_is_told():
    packed = pack_sparse(frame_of({3: [0.5], 30: [0.25] * 4}, {(3, "hits"): 1.0}))
    for position in range(len(packed)):
        damaged = bytearray(packed)
        damaged[position] ^= 0x85
        with pytest.raises(StoreError, match="damaged"):
            PackedFrame(bytes(damaged))


@pytest.mark.parametrize(
    ("position", "byte"), [(2, ord("d")), (3, ord("b")), (14, GROUP), (14, 200)]
)
@pytest.mark.parametrize("pack", [pack_dense, pack_sparse])
def test_what_no_frame_has_is_told_even_if_the_checksum_is_right(pack, position, byte):
    packed = pack(frame_of({3: [0.5]}, {}))
    data = bytearray(packed[:-4] if pack is pack_sparse else zlib.decompress(packed))
    assert data[14] == 3
    data[position] = byte
    sparse = bytes(data) + zlib.crc32(data).to_bytes(4, "little")
    with pytest.raises(StoreError, match=r"a damaged frame: (a place|its counts)"):
        PackedFrame(sparse if pack is pack_sparse else zlib.compress(data))


@pytest.mark.parametrize("packed", [OF_THE_FIRST_VERSION, OF_THE_SECOND_VERSION])
def test_a_frame_of_an_earlier_version_is_read(packed):
    """In both, the finest frames were compressed: as a whole, or only their buckets."""
    frame = Frame()
    PackedFrame(bytes.fromhex(packed)).add_to(frame)
    expected = frame_of({4: [0.25, 0.5, 2.0], 7: [0.001] * 300}, {})
    expected.errors[7] = 0
    # Since Python 3.12, `sum` is more exact than what was added up then.
    expected.totals[7] = pytest.approx(0.3)
    expected.extras = {(4, "error:ValueError"): 1.0, (9, "hits"): 3.0}
    assert content(frame) == content(expected)
    single = Frame()
    PackedFrame(bytes.fromhex(packed)).add_series_to(single, 7)
    assert single.buckets_by_place() == {7: {81: 300}}

"""The columns of series, and the sums of those of several processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.worker_processes import exposition, processes, publish
from vitalspan.recording.detail_counts import DetailCounts
from vitalspan.recording.duration_histogram import DurationHistogram, Spread
from vitalspan.workers.encoded_series import encode_columns, encode_series
from vitalspan.workers.merged_series import SeriesSums, Source
from vitalspan.workers.series_columns import InProgress, SeriesColumns, SeriesLayout, decode_columns
from vitalspan.workers.state_file import UnreadableError
from vitalspan.workers.worker_counts import SeriesCounts

GRIDS = ((0.1, 1.0), (0.1, 2.0), ())


def counts_of(
    grid: int = 0,
    first: int = 0,
    fine: Sequence[int] = (),
    total: float = 0.0,
    errors: int = 0,
    measured: int | None = None,
) -> SeriesCounts:
    counts = SeriesCounts(GRIDS[grid])
    counts.first, counts.fine, counts.total = first, list(fine), total
    counts.spread = Spread(total, min(total, 1.0), max(total, 1.0))
    counts.created = 1.0 + first
    if errors or measured is not None:
        counts.details = DetailCounts()
        counts.details.errors = {"ValueError": errors} if errors else {}
        counts.details.measured = measured is not None
        counts.details.memory_growth = measured or 0
    return counts


def columns_of(
    series: dict[bytes, SeriesCounts],
    in_progress: Sequence[InProgress] = (),
    layouts: dict[Any, SeriesLayout] | None = None,
) -> SeriesColumns:
    """Return series as another process reads them."""
    encoded = [
        encode_series(key, one, GRIDS.index(one.boundaries), 0.0) for key, one in series.items()
    ]
    return decode_columns(encode_columns(encoded, in_progress), GRIDS, layouts or {})


def sums_of(*processes: dict[bytes, SeriesCounts]) -> SeriesSums:
    sums = SeriesSums(lambda: 0.0)
    sums.update([Source(columns_of(one), living=True) for one in processes])
    return sums


FINE = st.lists(
    st.one_of(st.integers(0, 3), st.sampled_from([255, 256, 65535, 65536, 2**32 - 1, 2**32])),
    max_size=6,
)
SERIES = st.builds(
    counts_of,
    grid=st.sampled_from([0, 0, 0, 1]),
    first=st.integers(0, 200),
    fine=FINE,
    total=st.integers(0, 1000).map(lambda eighths: eighths / 8),
    errors=st.integers(0, 2),
    measured=st.none() | st.integers(0, 2**40),
)
PROCESS = st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), SERIES, max_size=3)


def one_by_one(parts: list[SeriesCounts]) -> DurationHistogram:
    """Return what `DurationHistogram.merged` makes of the same, in the order of the processes."""
    histograms = [one.histogram() for one in parts if one.histogram().count]
    merged = histograms[0]
    for one in histograms[1:]:
        merged = merged.merged(one)
    return merged


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(PROCESS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_sums_are_those_of_histograms_merged_one_by_one(
    moments: list[list[dict[bytes, SeriesCounts]]],
) -> None:
    sums = SeriesSums(lambda: 0.0)
    for members in moments:
        sums.update([Source(columns_of(one), living=True) for one in members])
        assert sums.series.keys() == {key for one in members for key in one}
        for key, merged in sums.series.items():
            parts = [one[key] for one in members if key in one]
            details = [one.details for one in parts if one.details is not None]
            assert merged.total == sum(one.total for one in parts)
            assert merged.spread.squares == sum(one.spread.squares for one in parts)
            assert merged.spread.shortest == min(one.spread.shortest for one in parts)
            assert merged.created == min(
                one.created if one.fine else 1.0 + one.first for one in parts
            )
            if any(sum(one.fine) for one in parts):
                expected = one_by_one(parts)
                assert dict(merged.histogram().items()) == dict(expected.items())
                assert merged.histogram().grid.boundaries == expected.grid.boundaries
            errors = sum(one.errors.get("ValueError", 0) for one in details)
            growth = sum(one.memory_growth for one in details)
            measured = any(one.measured for one in details)
            if errors or measured:
                assert merged.details is not None
                assert merged.details.errors.get("ValueError", 0) == errors
                assert (merged.details.measured, merged.details.memory_growth) == (measured, growth)


def test_what_has_not_changed_is_not_made_anew() -> None:
    first = columns_of({b"a": counts_of(fine=[1]), b"b": counts_of(fine=[2])})
    second = columns_of({b"b": counts_of(fine=[3])})
    sums = SeriesSums(lambda: 0.0)
    assert sums.update([Source(first, living=True), Source(second, living=True)]) == [b"a", b"b"]
    kept = sums.series[b"b"]
    assert sums.update([Source(first, living=True), Source(second, living=False)]) == []
    more = columns_of({b"a": counts_of(fine=[9]), b"b": counts_of(fine=[2])})
    assert sums.update([Source(more, living=True), Source(second, living=True)]) == [b"a"]
    assert sums.series[b"b"] is kept
    assert sums.series[b"a"].fine == [9]
    assert sums.update([Source(second, living=True)]) == [b"b", b"a"]
    assert sums.series.keys() == {b"b"}


def test_processes_with_the_same_layout_share_it() -> None:
    first = columns_of({b"a": counts_of(fine=[1])})
    layouts = {first.layout.source: first.layout}
    assert columns_of({b"a": counts_of(fine=[2])}, layouts=layouts).layout is first.layout
    assert columns_of({b"a": counts_of(fine=[256])}, layouts=layouts).layout is not first.layout


def test_only_living_processes_have_calls_in_progress() -> None:
    columns = [
        columns_of({b"a": counts_of(), b"b": counts_of()}, [InProgress(slot, 2, oldest)])
        for slot, oldest in ((1, 5.0), (1, 3.0), (0, 1.0))
    ]
    sums = SeriesSums(lambda: 0.0)
    living = (True, True, False)
    sums.update([Source(one, alive) for one, alive in zip(columns, living, strict=True)])
    assert sums.in_progress == {b"b": (4, 3.0)}


def test_sums_of_infinite_durations_are_infinite() -> None:
    sums = sums_of({b"a": counts_of(fine=[1], total=math.inf)}, {b"a": counts_of(fine=[1])})
    assert sums.series[b"a"].total == math.inf
    huge = {b"a": counts_of(fine=[1], total=1e308)}
    assert sums_of(huge, huge).series[b"a"].total == math.inf


def test_columns_that_are_cut_off_are_not_read() -> None:
    encoded = encode_columns([encode_series(b"key", counts_of(fine=[1, 2], errors=1), 0, 0.0)])
    for size in range(len(encoded)):
        with pytest.raises(UnreadableError):
            decode_columns(encoded[:size], GRIDS, {})


def test_columns_that_cannot_be_are_not_read() -> None:
    good = encode_series(b"a", counts_of(fine=[1]), 0, 0.0)
    impossible = [
        good._replace(layout=(*good.layout[:3], 9, *good.layout[4:])),
        good._replace(layout=(*good.layout[:4], 3, *good.layout[5:])),
        good._replace(details=b"1]"),
        good._replace(key=b"a\nb"),
        encode_series(b"a", counts_of(fine=[1 << 50]), 0, 0.0),
    ]
    for one in impossible:
        with pytest.raises(UnreadableError):
            decode_columns(encode_columns([one]), GRIDS, {})
    with pytest.raises(UnreadableError, match="cut off"):
        decode_columns(encode_columns([good], [InProgress(1, 1, 0.0)]), GRIDS, {})


def test_details_that_cannot_be_read_are_left_out_and_reported() -> None:
    reasons: list[str] = []
    strange = encode_series(b"a", counts_of(fine=[1]), 0, 0.0)._replace(details=b'{"e":7}')
    sums = SeriesSums(lambda: 0.0, reasons.append)
    sums.update([Source(decode_columns(encode_columns([strange]), GRIDS, {}), living=True)])
    assert sums.series[b"a"].fine == [1]
    assert len(reasons) == 1


def test_a_state_that_was_read_before_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with processes(tmp_path, 2) as (first, second):
        for monitor in (first, second):
            with monitor.operation("f"):
                pass
            publish(monitor)
        exposition(first)
        assert first.workers is not None
        directory = first.workers.directory
        before = [one.payload for one in directory.read().workers]
        assert [one.payload for one in directory.read().workers] == before
        with second.operation("f"):
            pass
        publish(second)
        after = [one.payload for one in directory.read().workers]
        assert sum(one is another for one, another in zip(before, after, strict=True)) == 1

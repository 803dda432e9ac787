from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.exposition.native_histogram import BucketSpans, NativeHistogram
from vitalspan.recording.exponential_buckets import ExponentialBuckets

COUNTS = st.lists(st.sampled_from([0, 0, 0, 1, 2, 7, 2**40]), max_size=40)


@settings(deadline=None)
@given(st.integers(-200, 200), COUNTS)
def test_a_span_tells_every_count(first: int, counts: list[int]) -> None:
    told = BucketSpans.of(first, tuple(counts))
    assert told.counts() == dict(enumerate(counts, first))
    assert sum(length for _, length in told.spans) == len(told.deltas)


@pytest.mark.parametrize(
    ("buckets", "counts"),
    [
        (BucketSpans(), {}),
        (BucketSpans(((5, 3),), (1, 3, -2)), {5: 1, 6: 4, 7: 2}),
        (BucketSpans(((-1, 1), (3, 2)), (2, 1, -3)), {-1: 2, 3: 3, 4: 0}),
    ],
)
def test_counts_of_spans(buckets: BucketSpans, counts: dict[int, int]) -> None:
    assert buckets.counts() == counts


def test_prometheus_numbers_buckets_by_their_ends() -> None:
    # The bucket from 1 to 2 at scale 0 has index 0 in OpenTelemetry and 1 in Prometheus.
    buckets = ExponentialBuckets(0, 2**-20, 4, 0, (3,))
    native = NativeHistogram.of(buckets, 4.5)
    assert native == NativeHistogram(7, 4.5, 0, 2**-20, 4, BucketSpans(((1, 1),), (3,)))

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.otlp_decode import decoded
from support.otlp_metrics import Request as Message
from support.otlp_metrics import texts
from vitalspan.bridge.otlp.export_requests import requests_of
from vitalspan.bridge.otlp.model import (
    Batch,
    Buckets,
    Description,
    Exemplar,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    NumberPoint,
    Point,
    Scope,
    SummaryPoint,
    shape_of,
    stale_point,
)

text = st.text(st.sampled_from("ab\x00\n\u00e9\U0001f600"), max_size=4)
live = st.just(False)
attributes = st.dictionaries(text, text, max_size=3).map(lambda found: tuple(sorted(found.items())))
times = st.integers(1, 2**63)
starts = st.integers(0, 2**63)
values = st.floats()
counts = st.integers(0, 2**63)
exemplars = st.lists(
    st.builds(
        Exemplar,
        values,
        times,
        st.sampled_from([b"", bytes(range(16))]),
        st.sampled_from([b"", bytes(range(8))]),
        attributes,
    ),
    max_size=2,
).map(tuple)
offsets = st.integers(-(2**31), 2**31 - 1)
buckets = st.one_of(
    st.just(Buckets()),
    st.builds(Buckets, offsets, st.lists(counts, min_size=1, max_size=5).map(tuple)),
)
numbers = st.builds(NumberPoint, attributes, starts, times, values, exemplars, live)
histograms = st.integers(0, 4).flatmap(
    lambda size: st.builds(
        HistogramPoint,
        attributes,
        starts,
        times,
        counts,
        st.none() | values,
        st.tuples(*[counts] * (size + 1)),
        st.tuples(*[st.floats(allow_nan=False)] * size),
        exemplars,
        live,
    )
)
exponentials = st.builds(
    ExponentialPoint,
    attributes,
    starts,
    times,
    counts,
    st.none() | values,
    st.integers(-10, 20),
    values,
    counts,
    buckets,
    buckets,
    exemplars,
    live,
)
summaries = st.builds(
    SummaryPoint,
    attributes,
    starts,
    times,
    counts,
    values,
    st.lists(st.tuples(values, values), max_size=3).map(tuple),
    live,
)
POINTS: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.GAUGE: numbers,
    Kind.COUNTER: numbers,
    Kind.SUM: numbers,
    Kind.HISTOGRAM: histograms,
    Kind.EXPONENTIAL_HISTOGRAM: exponentials,
    Kind.SUMMARY: summaries,
}


def points_in(batch: Batch) -> int:
    """Return the number of data points."""
    return sum(len(points) for metrics in batch.values() for _, points in metrics)


def stale_too(points: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Points as they are, or what is left of them when they are no longer recorded."""
    gone = points.map(lambda point: stale_point(KIND_OF[type(point)], *point[:3], shape_of(point)))
    return points | gone


KIND_OF: dict[type[Point], Kind] = {
    NumberPoint: Kind.GAUGE,
    HistogramPoint: Kind.HISTOGRAM,
    ExponentialPoint: Kind.EXPONENTIAL_HISTOGRAM,
    SummaryPoint: Kind.SUMMARY,
}


metrics = st.sampled_from(Kind).flatmap(
    lambda kind: st.tuples(
        st.builds(Description, text, text, text, text, st.just(kind)),
        st.lists(stale_too(POINTS[kind]), min_size=1, max_size=4),
    )
)
scopes = st.builds(Scope, text, text, text, attributes)
batches = st.dictionaries(
    scopes,
    st.lists(metrics, min_size=1, max_size=3, unique_by=lambda metric: metric[0]),
    min_size=1,
    max_size=3,
)


def same(number: float) -> bytes:
    """A float by its bits, since NaN equals nothing."""
    return struct.pack("<d", number)


def read_exemplars(point: Any) -> tuple[Exemplar, ...]:
    return tuple(
        Exemplar(
            one.as_double,
            one.time_unix_nano,
            one.trace_id,
            one.span_id,
            tuple(texts(one.filtered_attributes).items()),
        )
        for one in point.exemplars
    )


def read_point(kind: Kind, point: Any) -> Point:
    """A decoded point as the model has it."""
    head: Any = (
        tuple(texts(point.attributes).items()),
        point.start_time_unix_nano,
        point.time_unix_nano,
    )
    if point.flags:
        shape = {
            Kind.HISTOGRAM: lambda: tuple(point.explicit_bounds),
            Kind.SUMMARY: lambda: tuple(one.quantile for one in point.quantile_values),
        }.get(kind, tuple)
        return stale_point(kind, *head, shape())
    if kind in (Kind.GAUGE, Kind.COUNTER, Kind.SUM):
        assert point.WhichOneof("value") == "as_double"
        return NumberPoint(*head, point.as_double, read_exemplars(point))
    if kind is Kind.SUMMARY:
        quantiles = tuple((one.quantile, one.value) for one in point.quantile_values)
        return SummaryPoint(*head, point.count, point.sum, quantiles)
    total = point.sum if point.HasField("sum") else None
    if kind is Kind.HISTOGRAM:
        counts, bounds = tuple(point.bucket_counts), tuple(point.explicit_bounds)
        return HistogramPoint(*head, point.count, total, counts, bounds, read_exemplars(point))
    return ExponentialPoint(
        *head,
        point.count,
        total,
        point.scale,
        point.zero_threshold,
        point.zero_count,
        Buckets(point.positive.offset, tuple(point.positive.bucket_counts)),
        Buckets(point.negative.offset, tuple(point.negative.bucket_counts)),
        read_exemplars(point),
    )


def kind_of(metric: Any) -> Kind:
    data = metric.WhichOneof("data")
    if data == "sum":
        return Kind.COUNTER if metric.sum.is_monotonic else Kind.SUM
    return Kind[data.upper()]


def read_batch(request: Any) -> Batch:
    """A decoded request as the model has it."""
    found: Batch = {}
    [resource] = request.resource_metrics
    for one in resource.scope_metrics:
        attributes = tuple(texts(one.scope.attributes).items())
        scope = Scope(one.scope.name, one.scope.version, one.schema_url, attributes)
        for metric in one.metrics:
            kind = kind_of(metric)
            type_ = texts(metric.metadata)["prometheus.type"]
            about = Description(metric.name, metric.description, metric.unit, type_, kind)
            data = getattr(metric, metric.WhichOneof("data")).data_points
            points = [read_point(kind, point) for point in data]
            found.setdefault(scope, []).append((about, points))
    return found


def comparable(value: Any) -> Any:
    """The same with floats by their bits."""
    if isinstance(value, float):
        return same(value) if not math.isnan(value) else "NaN"
    if isinstance(value, dict):
        return {key: comparable(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [comparable(one) for one in value]
    return value


@settings(max_examples=30)
@given(batches, st.dictionaries(text, text, max_size=3))
def test_what_is_encoded_is_decoded(batch: Batch, resource: dict[str, str]) -> None:
    request = decoded(batch, resource)
    assert comparable(read_batch(request)) == comparable(batch)
    assert texts(request.resource_metrics[0].resource.attributes) == resource


@settings(max_examples=20)
@given(batches, st.integers(1, 2000))
def test_requests_are_split_and_lose_nothing(batch: Batch, limit: int) -> None:
    requests = list(requests_of(batch, {"service.name": "shop"}, limit))
    assert sum(request.points for request in requests) == points_in(batch)
    merged: dict[Any, list[Any]] = {}
    for request in requests:
        message = Message.FromString(request.body)
        assert texts(message.resource_metrics[0].resource.attributes) == {"service.name": "shop"}
        read = read_batch(message)
        assert points_in(read) == request.points
        assert len(request.body) <= limit or request.points == 1
        for scope, metrics in read.items():
            for about, points in metrics:
                merged.setdefault((scope, about), []).extend(points)
    wanted = {
        (scope, about): points for scope, metrics in batch.items() for about, points in metrics
    }
    assert comparable(merged) == comparable(wanted)


def test_an_empty_batch_is_no_request() -> None:
    assert list(requests_of({}, {"a": "b"}, 1000)) == []


@pytest.mark.parametrize("limit", [10**4, 10**5])
def test_requests_are_as_large_as_they_may_be(limit: int) -> None:
    about = Description("m", "", "", "gauge", Kind.GAUGE)
    points: list[Point] = [NumberPoint((("i", str(i)),), 0, 1, 1.0) for i in range(10_000)]
    requests = list(requests_of({Scope("s"): [(about, points)]}, {}, limit))
    assert all(len(request.body) > limit * 0.9 for request in requests[:-1])

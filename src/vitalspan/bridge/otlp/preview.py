"""A preview of an export, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from vitalspan.bridge.otlp.model import (
    Attributes,
    Batch,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    Point,
    Scope,
    SummaryPoint,
)
from vitalspan.timestamps import timestamp

_KINDS: Final = {
    Kind.GAUGE: "gauge",
    Kind.COUNTER: "monotonic sum",
    Kind.SUM: "sum that is not monotonic",
    Kind.HISTOGRAM: "histogram",
    Kind.EXPONENTIAL_HISTOGRAM: "exponential histogram",
    Kind.SUMMARY: "summary",
}


def preview(batch: Batch, resource: Mapping[str, str | int], time: int) -> Iterator[str]:
    """Yield lines that describe a batch.

    Args:
        batch: the metrics.
        resource: the attributes of the resource.
        time: the time of the reading in nanoseconds, which is not shown with points.
    """
    yield f"resource {_pairs(tuple(sorted(resource.items())))}"
    for scope, metrics in batch.items():
        yield f"scope {_scope(scope)}"
        for about, points in metrics:
            unit = f", unit {about.unit}" if about.unit else ""
            yield f"  {about.name}: {about.type} as {_KINDS[about.kind]}{unit}"
            for point in points:
                yield f"    {_pairs(point.attributes)} {_value(point)}{_times(point, time)}"


def _scope(scope: Scope) -> str:
    words = [scope.name, scope.version, scope.schema_url]
    if scope.attributes:
        words.append(_pairs(scope.attributes))
    return " ".join(filter(None, words)) or "without a name"


def _pairs(attributes: Attributes | tuple[tuple[str, Any], ...]) -> str:
    return "{" + ", ".join(f"{key}={value!r}" for key, value in attributes) + "}"


def _value(point: Point) -> str:
    if point.stale:
        return "is no longer recorded"
    if isinstance(point, HistogramPoint):
        bounds = (*(f"{bound:g}" for bound in point.boundaries), "+Inf")
        pairs = zip(bounds, point.counts, strict=True)
        buckets = (f"<={bound}: {count}" for bound, count in pairs if count)
        return f"count {point.observations}, sum {point.total}, buckets {', '.join(buckets)}"
    if isinstance(point, ExponentialPoint):
        buckets = (
            f"{part} from {found.offset}: {list(found.counts)}"
            for part, found in (("positive", point.positive), ("negative", point.negative))
            if found.counts
        )
        return (
            f"count {point.observations}, sum {point.total}, scale {point.scale}, "
            f"zero {point.zero_count}, {', '.join(buckets) or 'no buckets'}"
        )
    if isinstance(point, SummaryPoint):
        quantiles = "".join(f", {quantile:g}: {value:g}" for quantile, value in point.quantiles)
        return f"count {point.observations}, sum {point.total:g}{quantiles}"
    return repr(point.value)


def _times(point: Point, time: int) -> str:
    start = f" since {timestamp(point.start / 1e9)}" if point.start else ""
    own = f" at {timestamp(point.time / 1e9)}" if point.time != time else ""
    exemplars = len(getattr(point, "exemplars", ()))
    more = f" with {exemplars} exemplar{'s' if exemplars > 1 else ''}" if exemplars else ""
    return start + own + more

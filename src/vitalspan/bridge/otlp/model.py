"""Metrics as OpenTelemetry's protocol has them: data points, metrics and their scopes.

OpenTelemetry's SDK has a model of its own, which lacks summaries, the flag for values that are no
longer recorded, and the metadata of metrics. All times are nanoseconds since the Unix epoch, and
0 is no time. Sums and histograms are cumulative.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from vitalspan._version import __version__

Attributes = tuple[tuple[str, str], ...]
"""Keys with their values, sorted by key: equal attributes are equal tuples."""


class Kind(Enum):
    """The data of a metric; the value is its field in the message `Metric`."""

    GAUGE = 5
    COUNTER = 7
    """A sum that only rises."""
    SUM = -7
    """A sum that is not monotonic."""
    HISTOGRAM = 9
    EXPONENTIAL_HISTOGRAM = 10
    SUMMARY = 11

    @property
    def field(self) -> int:
        """The number of the field in the message `Metric`."""
        return abs(self.value)

    @property
    def resets(self) -> bool:
        """True if points add up from a start on, and begin at zero again after a reset."""
        return self not in (Kind.GAUGE, Kind.SUM)


class Exemplar(NamedTuple):
    """A measurement with the span that it was made in; without a span, the ids are empty."""

    value: float
    time: int
    trace_id: bytes = b""
    span_id: bytes = b""
    attributes: Attributes = ()


class NumberPoint(NamedTuple):
    """A value of a gauge or a sum."""

    attributes: Attributes
    start: int
    time: int
    value: float = 0.0
    exemplars: tuple[Exemplar, ...] = ()
    stale: bool = False
    """Whether nothing is recorded any more; the point has no value then."""


class HistogramPoint(NamedTuple):
    """Measurements counted in buckets.

    `counts` has one number more than `boundaries`: the last one is of what is above all of them.
    """

    attributes: Attributes
    start: int
    time: int
    observations: int = 0
    total: float | None = None
    counts: tuple[int, ...] = ()
    boundaries: tuple[float, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    stale: bool = False


class Buckets(NamedTuple):
    """Dense counts of exponential buckets, from the index `offset` on."""

    offset: int = 0
    counts: tuple[int, ...] = ()


class ExponentialPoint(NamedTuple):
    """Measurements counted in buckets whose boundaries are powers of 2^(2^-scale)."""

    attributes: Attributes
    start: int
    time: int
    observations: int = 0
    total: float | None = None
    scale: int = 0
    zero_threshold: float = 0.0
    zero_count: int = 0
    positive: Buckets = Buckets()
    negative: Buckets = Buckets()
    exemplars: tuple[Exemplar, ...] = ()
    stale: bool = False


class SummaryPoint(NamedTuple):
    """The number of measurements, their sum, and quantiles with their values."""

    attributes: Attributes
    start: int
    time: int
    observations: int = 0
    total: float = 0.0
    quantiles: tuple[tuple[float, float], ...] = ()
    stale: bool = False


Point = NumberPoint | HistogramPoint | ExponentialPoint | SummaryPoint


def cumulated_value(point: Point) -> float:
    """Return the number of a counter, histogram or summary that falls only when it begins anew."""
    return point.value if isinstance(point, NumberPoint) else point.observations


def shape_of(point: Point) -> tuple[float, ...]:
    """Return the boundaries or quantiles, each of which is a series of its own to Prometheus."""
    if isinstance(point, HistogramPoint):
        return point.boundaries
    if isinstance(point, SummaryPoint):
        return tuple(quantile for quantile, _ in point.quantiles)
    return ()


def stale_point(
    kind: Kind, attributes: Attributes, start: int, time: int, shape: tuple[float, ...]
) -> Point:
    """Return the point of a series that is no longer recorded.

    It has no values, but boundaries and quantiles all the same: to Prometheus each of them is a
    series, which has to be marked as stale.
    """
    if kind is Kind.HISTOGRAM:
        counts = (0,) * (len(shape) + 1)
        return HistogramPoint(attributes, start, time, counts=counts, boundaries=shape, stale=True)
    if kind is Kind.SUMMARY:
        quantiles = tuple((quantile, 0.0) for quantile in shape)
        return SummaryPoint(attributes, start, time, quantiles=quantiles, stale=True)
    if kind is Kind.EXPONENTIAL_HISTOGRAM:
        return ExponentialPoint(attributes, start, time, stale=True)
    return NumberPoint(attributes, start, time, stale=True)


class Description(NamedTuple):
    """A metric without its points; `type` is the Prometheus type, for the metadata."""

    name: str
    description: str
    unit: str
    type: str
    kind: Kind


class Scope(NamedTuple):
    """The instrumentation scope of metrics."""

    name: str
    version: str = ""
    schema_url: str = ""
    attributes: Attributes = ()


OWN_SCOPE = Scope("vitalspan", __version__)
"""The scope of metrics that name none: whoever translates them."""

Metric = tuple[Description, list[Point]]
Batch = dict[Scope, list[Metric]]
"""The metrics of one moment and one resource, by their scope."""

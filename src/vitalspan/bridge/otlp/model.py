"""The model of OpenTelemetry's metrics protocol: data points, metrics and their scopes.

The model of OpenTelemetry's SDK lacks summaries, the flag for values that are no longer recorded,
and the metadata of metrics. All times are nanoseconds since the Unix epoch, and 0 is unset. Sums
and histograms are cumulative.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from vitalspan._version import __version__

Attributes = tuple[tuple[str, str], ...]
"""Keys and values, sorted by key: equal attributes are equal tuples."""


class Kind(Enum):
    """The type of a metric's data; the value is its field number in the message `Metric`."""

    GAUGE = 5
    COUNTER = 7
    """A monotonic sum."""
    SUM = -7
    """A sum that is not monotonic."""
    HISTOGRAM = 9
    EXPONENTIAL_HISTOGRAM = 10
    SUMMARY = 11

    @property
    def field(self) -> int:
        """The field number in the message `Metric`."""
        return abs(self.value)

    @property
    def resets(self) -> bool:
        """True if points are cumulative since a start, and begin at zero again after a reset."""
        return self not in (Kind.GAUGE, Kind.SUM)


class Exemplar(NamedTuple):
    """A measurement and the span that it was made in; without a span, the ids are empty."""

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
    """Whether the series is no longer recorded; the point then has no value."""


class HistogramPoint(NamedTuple):
    """Measurements counted in buckets.

    `counts` is one longer than `boundaries`: the last count is of everything above.
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
    """Return the value of a counter, histogram or summary that only decreases on a reset."""
    return point.value if isinstance(point, NumberPoint) else point.observations


def shape_of(point: Point) -> tuple[float, ...]:
    """Return the boundaries or quantiles, each of which is a separate series in Prometheus."""
    if isinstance(point, HistogramPoint):
        return point.boundaries
    if isinstance(point, SummaryPoint):
        return tuple(quantile for quantile, _ in point.quantiles)
    return ()


def stale_point(
    kind: Kind, attributes: Attributes, start: int, time: int, shape: tuple[float, ...]
) -> Point:
    """Return the point of a series that is no longer recorded.

    It has no values, but it has boundaries and quantiles: each of them is a series in Prometheus,
    which has to be marked as stale.
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
    """A metric without its points; `type` is its type in Prometheus, for the metadata."""

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
"""The default scope of metrics."""

Metric = tuple[Description, list[Point]]
Batch = dict[Scope, list[Metric]]
"""The metrics of one moment and one resource, by scope."""

"""Scraped metrics, with the attributes that those of prometheus_client have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Labels = Mapping[str, str]


class Moment(NamedTuple):
    """A time, as Unix seconds and nanoseconds after them."""

    sec: int
    nsec: int


class ScrapedExemplar(NamedTuple):
    """An exemplar, with its time where it has one."""

    labels: Labels
    value: float
    timestamp: Moment | None


class Span(NamedTuple):
    """Neighbouring buckets of a native histogram."""

    offset: int
    length: int


class ScrapedHistogram(NamedTuple):
    """A native histogram, with the names that prometheus_client has for its parts."""

    count_value: float
    sum_value: float
    schema: int
    zero_threshold: float
    zero_count: float
    pos_spans: Sequence[Span]
    pos_deltas: Sequence[int]
    neg_spans: Sequence[Span]
    neg_deltas: Sequence[int]
    nh_exemplars: Sequence[ScrapedExemplar]
    counts_are_floats: bool


class ScrapedSample(NamedTuple):
    """A sample, like those of prometheus_client, whose older releases have no native histograms."""

    name: str
    labels: Labels
    value: Any
    timestamp: Moment | None = None
    exemplar: ScrapedExemplar | None = None
    native_histogram: ScrapedHistogram | None = None


class ScrapedMetric(NamedTuple):
    """A metric with its samples. The name is what was sent, that of counters with `_total`."""

    name: str
    documentation: str
    type: str
    unit: str
    samples: Sequence[ScrapedSample]

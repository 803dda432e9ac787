"""Scraped metrics, with the same attributes as those of prometheus_client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Labels = Mapping[str, str]


class Moment(NamedTuple):
    """A time in Unix seconds, and nanoseconds after them."""

    sec: int
    nsec: int


class ScrapedExemplar(NamedTuple):
    """An exemplar, with its time if it has one."""

    labels: Labels
    value: float
    timestamp: Moment | None


class Span(NamedTuple):
    """Adjacent buckets of a native histogram."""

    offset: int
    length: int


class ScrapedHistogram(NamedTuple):
    """A native histogram, with prometheus_client's names of its parts."""

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
    """A sample like those of prometheus_client, whose older releases lack native histograms."""

    name: str
    labels: Labels
    value: Any
    timestamp: Moment | None = None
    exemplar: ScrapedExemplar | None = None
    native_histogram: ScrapedHistogram | None = None


class ScrapedMetric(NamedTuple):
    """A metric with its samples. The name is the one that was sent, with `_total` for counters."""

    name: str
    documentation: str
    type: str
    unit: str
    samples: Sequence[ScrapedSample]

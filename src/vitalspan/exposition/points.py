"""The points of metric families: labels, exemplars, histograms and summaries."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple, Protocol

from vitalspan.labels import Labels, label_text


class Labelled(Protocol):
    """The labels of a point: those of a series of calls, or a `LabelSet`."""

    @property
    def text(self) -> str:
        """The labels in the syntax of the text formats, without braces."""

    def all_labels(self) -> dict[str, str]:
        """Return the labels by name."""


class LabelSet:
    """Labels that do not belong to a series.

    Args:
        labels: pairs of names and values.
    """

    __slots__ = ("_labels", "text")

    def __init__(self, labels: Labels = ()) -> None:
        self._labels = labels
        self.text = label_text(labels)

    def all_labels(self) -> dict[str, str]:
        """Return the labels by name."""
        return dict(self._labels)


class Exemplar(NamedTuple):
    """An observation in a bucket, with labels that lead to its trace."""

    labels: Mapping[str, str]
    value: float
    timestamp: float | None
    """Seconds since the epoch; None if it is unknown."""


class BucketBoundaries(Hashable, Protocol):
    """Upper bounds that the histograms of one or more points share."""

    @property
    def boundaries(self) -> tuple[float, ...]:
        """The upper bounds, increasing, without `+Inf`."""


class HistogramValue(Protocol):
    """The immutable counts of a histogram."""

    @property
    def grid(self) -> BucketBoundaries:
        """The buckets; equal buckets are the same object."""

    @property
    def total(self) -> float | None:
        """The sum of the observations; None if it is unknown."""

    def cumulative(self) -> tuple[float, ...]:
        """Return the number of observations up to each boundary; the last one is their total."""


class HistogramPoint(Labelled, Protocol):
    """Labels with a histogram."""

    @property
    def histogram(self) -> HistogramValue:
        """The observations, counted in buckets."""


class SummaryPoint(NamedTuple):
    """Labels, a number of observations and their sum.

    Attributes:
        labels: the labels of the point.
        observations: the number of observations; None if it is unknown.
        total: the sum of the observations; None if it is unknown.
        quantiles: quantiles from 0 to 1, each with its value.
    """

    labels: Labelled
    observations: float | None
    total: float | None
    quantiles: tuple[tuple[float, float], ...] = ()

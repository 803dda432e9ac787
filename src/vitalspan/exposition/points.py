"""Points of metric families: labels, exemplars, histograms and summaries, in no format."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple, Protocol

from vitalspan.labels import Labels, label_text


class Labelled(Protocol):
    """The labels of a point: those of a series of calls, or a `LabelSet`."""

    @property
    def text(self) -> str:
        """The labels as the text formats write them between braces."""
        ...

    def all_labels(self) -> dict[str, str]:
        """Return the labels by name."""
        ...


class LabelSet:
    """Labels that belong to no series.

    Args:
        labels: names with their values.
    """

    __slots__ = ("_labels", "text")

    def __init__(self, labels: Labels = ()) -> None:
        self._labels = labels
        self.text = label_text(labels)

    def all_labels(self) -> dict[str, str]:
        """Return the labels by name."""
        return dict(self._labels)


class Exemplar(NamedTuple):
    """An observation of a bucket, with labels that lead to its trace."""

    labels: Mapping[str, str]
    value: float
    timestamp: float | None
    """Seconds since the epoch; None if nobody noted it."""


class BucketBoundaries(Hashable, Protocol):
    """The upper bounds that the histograms of one or more points share."""

    @property
    def boundaries(self) -> tuple[float, ...]:
        """The upper bounds, increasing; `+Inf` left out."""
        ...


class HistogramValue(Protocol):
    """The counts of a histogram, which nobody changes any more."""

    @property
    def grid(self) -> BucketBoundaries:
        """The buckets; the same object wherever they are the same."""
        ...

    @property
    def total(self) -> float | None:
        """The sum of what was observed; None if it is not known."""
        ...

    def cumulative(self) -> tuple[float, ...]:
        """Return the observations up to each boundary, and all of them last."""
        ...


class HistogramPoint(Labelled, Protocol):
    """Labels with a histogram."""

    @property
    def histogram(self) -> HistogramValue:
        """The observations, counted in buckets."""
        ...


class SummaryPoint(NamedTuple):
    """Labels with a number of observations and their sum.

    Attributes:
        labels: of the point.
        observations: their number; None if it is not known.
        total: their sum; None if it is not known.
        quantiles: quantiles from 0 to 1, each with its value.
    """

    labels: Labelled
    observations: float | None
    total: float | None
    quantiles: tuple[tuple[float, float], ...] = ()

"""Metric families with their points, in no format.

The metadata of a family says its type. Points of several types look alike, so there is a class for
each shape of points, and a format matches on these: scalars, summaries and histograms. Points keep
their labels as objects that live as long as what they describe, so a format may remember how it has
encoded them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Any, Self, TypeVar

from vitalspan.exposition.native_histogram import NativeHistogram
from vitalspan.exposition.points import (
    Exemplar,
    HistogramPoint,
    Labelled,
    LabelSet,
    SummaryPoint,
)
from vitalspan.labels import Labels
from vitalspan.metrics import Family

P = TypeVar("P", bound=HistogramPoint)

Times = Sequence[float | None]
"""For each point seconds since the epoch, or None; empty where no point has any."""


class _Points:
    """What families of all types have; one is true if it has any points.

    Args:
        metadata: the family's name, type, help and unit.
        label_sets: the labels of each point.
        timestamps: when each point was measured, where that was not now.
        created: when each point began to count at zero.
    """

    def __init__(
        self,
        metadata: Family,
        label_sets: Sequence[Labelled],
        timestamps: Times = (),
        created: Times = (),
    ) -> None:
        self.metadata = metadata
        self.label_sets = label_sets
        self.timestamps = timestamps
        self.created = created

    def __len__(self) -> int:
        return len(self.label_sets)

    def named(self, name: str) -> Self:
        """Return the same family under another name."""
        family = copy(self)
        family.metadata = self.metadata._replace(name=name)
        return family


class ScalarFamily(_Points):
    """A family whose points have one value each.

    These are counters, gauges and values of unknown type; information, whose labels say something
    by themselves and whose values are 1; and state sets, whose values are 1 for a state that holds
    and 0 otherwise, and in which the label that names the state has the name of the family.

    Args:
        metadata: the family's name, type, help and unit.
        label_sets: the labels of each point.
        values: the value of each point.
        timestamps: when each point was measured, where that was not now.
        created: when each point began to count at zero.
        exemplars: of each point; empty where no point has one.
    """

    def __init__(
        self,
        metadata: Family,
        label_sets: Sequence[Labelled],
        values: Sequence[float],
        *,
        timestamps: Times = (),
        created: Times = (),
        exemplars: Sequence[Exemplar | None] = (),
    ) -> None:
        super().__init__(metadata, label_sets, timestamps, created)
        self.values = values
        self.exemplars = exemplars

    @classmethod
    def of(
        cls,
        metadata: Family,
        points: Iterable[tuple[Labels, float]],
        created: float | None = None,
    ) -> Self:
        """Return a family of labels with their values, which began at one time if it is given."""
        pairs = list(points)
        return cls(
            metadata,
            [LabelSet(labels) for labels, _ in pairs],
            [value for _, value in pairs],
            created=() if created is None else [created] * len(pairs),
        )

    @classmethod
    def single(cls, metadata: Family, value: float, created: float | None = None) -> Self:
        """Return a family of one point, which has no labels."""
        return cls.of(metadata, [((), value)], created)

    @classmethod
    def by_label(
        cls,
        metadata: Family,
        label: str,
        values: Mapping[str, float],
        created: float | None = None,
    ) -> Self:
        """Return a family with one label, and a value for each text that the label can have."""
        points = ((((label, text),), value) for text, value in values.items())
        return cls.of(metadata, points, created)

    @classmethod
    def info(cls, metadata: Family, label_sets: Sequence[Labelled]) -> Self:
        """Return information: labels that say something by themselves."""
        return cls(metadata, label_sets, [1] * len(label_sets))

    def named(self, name: str) -> Self:
        """Return the same family under another name, which the label of states has as well."""
        family, own = super().named(name), self.metadata.name
        if self.metadata.type == "stateset":
            family.label_sets = [
                LabelSet(tuple((name if label == own else label, text) for label, text in labels))
                for labels in (labels.all_labels().items() for labels in self.label_sets)
            ]
        return family


class SummaryFamily(_Points):
    """Numbers of observations with their sums.

    Args:
        metadata: the family's name, type, help and unit.
        points: the summaries.
        timestamps: when each point was measured, where that was not now.
        created: when each point began to count at zero.
    """

    def __init__(
        self,
        metadata: Family,
        points: Sequence[SummaryPoint],
        *,
        timestamps: Times = (),
        created: Times = (),
    ) -> None:
        super().__init__(metadata, [point.labels for point in points], timestamps, created)
        self.points = points


def no_native(_: Any) -> None:
    """Return no native histogram, whatever was counted."""


class HistogramFamily(_Points):
    """Observations counted in buckets: a histogram or a gauge histogram.

    The latter is of things of the moment, such as waiting requests. What was counted is read when a
    format asks a point for it, not when the family is made.

    Args:
        metadata: the family's name, type, help and unit.
        points: the histograms.
        exemplars: returns the exemplars of a point by the index of their bucket.
        native: returns the native histogram of what a point has counted, or None.
        classic: whether the classic buckets are shown where the native histogram can be.
        timestamps: when each point was measured, where that was not now.
        created: when each point began to count at zero.
    """

    def __init__(
        self,
        metadata: Family,
        points: Sequence[P],
        exemplars: Callable[[P], Mapping[int, Exemplar]],
        *,
        native: Callable[[Any], NativeHistogram | None] = no_native,
        classic: bool = True,
        timestamps: Times = (),
        created: Times = (),
    ) -> None:
        super().__init__(metadata, points, timestamps, created)
        self.points: Sequence[HistogramPoint] = points
        self.exemplars: Callable[[Any], Mapping[int, Exemplar]] = exemplars
        self.native = native
        self.classic = classic

    @property
    def is_gauge(self) -> bool:
        """True for a gauge histogram, whose counts may fall."""
        return self.metadata.type == "gaugehistogram"

    @property
    def total_endings(self) -> tuple[str, str]:
        """What the names of the samples of the count and of the sum end in."""
        return ("_gcount", "_gsum") if self.is_gauge else ("_count", "_sum")


MetricFamily = ScalarFamily | SummaryFamily | HistogramFamily
"""A metric family with its points."""

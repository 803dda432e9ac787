"""Metric families with their points, independent of any format.

The type of a family is in its metadata. Points of several types look alike, so there is one class
per shape of points, and formats match on these: scalars, summaries and histograms. The labels of
points are objects that live as long as their series, so a format may cache their encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Self

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

Times = Sequence[float | None]
"""For each point, seconds since the epoch or None; empty if no point has any."""


@dataclass(eq=False)
class _Points:
    """The common parts of all families; a family is true if it has any points.

    Attributes:
        metadata: the family's name, type, help and unit.
        label_sets: the labels of each point.
        timestamps: when each point was measured, if that was not now.
        created: when each point started to count at zero.
    """

    metadata: Family
    label_sets: Sequence[Labelled]
    _: KW_ONLY
    timestamps: Times = ()
    created: Times = ()

    def __len__(self) -> int:
        return len(self.label_sets)

    def named(self, name: str) -> Self:
        """Return the same family under another name."""
        family = copy(self)
        family.metadata = self.metadata._replace(name=name)
        return family


@dataclass(eq=False)
class ScalarFamily(_Points):
    """A family whose points have one value each.

    These are counters, gauges and values of unknown type; infos, which only consist of labels and
    whose values are 1; and state sets, whose values are 1 for the current state and 0 otherwise,
    and whose label for the state is named after the family.

    Attributes:
        metadata: the family's name, type, help and unit.
        label_sets: the labels of each point.
        values: the value of each point.
        timestamps: when each point was measured, if that was not now.
        created: when each point started to count at zero.
        exemplars: the exemplar of each point; empty if no point has one.
    """

    values: Sequence[float]
    _: KW_ONLY
    exemplars: Sequence[Exemplar | None] = ()

    @classmethod
    def of(
        cls,
        metadata: Family,
        points: Iterable[tuple[Labels, float]],
        created: float | None = None,
    ) -> Self:
        """Return a family of labels and values, all with the same creation time if it is given."""
        pairs = list(points)
        return cls(
            metadata,
            [LabelSet(labels) for labels, _ in pairs],
            [value for _, value in pairs],
            created=() if created is None else [created] * len(pairs),
        )

    @classmethod
    def single(cls, metadata: Family, value: float, created: float | None = None) -> Self:
        """Return a family with one point without labels."""
        return cls.of(metadata, [((), value)], created)

    @classmethod
    def by_label(
        cls,
        metadata: Family,
        label: str,
        values: Mapping[str, float],
        created: float | None = None,
    ) -> Self:
        """Return a family with one label, and a value for each value of the label."""
        # Copied at once, since other threads may add values.
        points = ((((label, text),), value) for text, value in list(values.items()))
        return cls.of(metadata, points, created)

    @classmethod
    def info(cls, metadata: Family, label_sets: Sequence[Labelled]) -> Self:
        """Return an info family, which only consists of labels."""
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


@dataclass(eq=False)
class SummaryFamily(_Points):
    """Numbers of observations with their sums.

    Attributes:
        metadata: the family's name, type, help and unit.
        points: the summaries.
        timestamps: when each point was measured, if that was not now.
        created: when each point started to count at zero.
    """

    label_sets: Sequence[Labelled] = field(init=False)
    points: Sequence[SummaryPoint]

    def __post_init__(self) -> None:
        self.label_sets = [point.labels for point in self.points]


def no_native(_: Any) -> None:
    """Return None, for histograms without a native one."""


@dataclass(eq=False)
class HistogramFamily(_Points):
    """Observations counted in buckets: a histogram or a gauge histogram.

    A gauge histogram is about current things, such as waiting requests. The values are read when a
    format asks a point for them, not when the family is created.

    Attributes:
        metadata: the family's name, type, help and unit.
        points: the histograms.
        exemplars: returns the exemplars of a point, by the index of their bucket.
        native: returns the native histogram of a point's value, or None.
        classic: whether to show the classic buckets next to a native histogram.
        timestamps: when each point was measured, if that was not now.
        created: when each point started to count at zero.
    """

    label_sets: Sequence[Labelled] = field(init=False)
    points: Sequence[HistogramPoint]
    exemplars: Callable[[Any], Mapping[int, Exemplar]]
    _: KW_ONLY
    native: Callable[[Any], NativeHistogram | None] = no_native
    classic: bool = True

    def __post_init__(self) -> None:
        self.label_sets = self.points

    @property
    def is_gauge(self) -> bool:
        """True for a gauge histogram, whose counts may decrease."""
        return self.metadata.type == "gaugehistogram"

    @property
    def total_endings(self) -> tuple[str, str]:
        """The suffixes of the samples for the count and the sum."""
        return ("_gcount", "_gsum") if self.is_gauge else ("_count", "_sum")


MetricFamily = ScalarFamily | SummaryFamily | HistogramFamily
"""A metric family with its points."""

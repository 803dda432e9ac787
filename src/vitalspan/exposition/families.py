"""Metric families with their points, in no format: a class for each type, and one visitor.

Every exposition format is a `FamilyVisitor`: it says what becomes of each type of family, and
`family.accept(visitor)` picks the right method. Points keep their labels as objects that live as
long as what they describe, so a format may remember how it has encoded them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Any, Protocol, Self, TypeVar

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

T_co = TypeVar("T_co", covariant=True)
P = TypeVar("P", bound=HistogramPoint)


Times = Sequence[float | None]
"""For each point seconds since the epoch, or None; empty where no point has any."""


class MetricFamily(ABC):
    """A metric family with its points; it is true if it has any.

    Args:
        metadata: the family's name, type, help and unit.
        timestamps: when each point was measured, where that was not now.
        created: when each point began to count at zero.
    """

    def __init__(self, metadata: Family, timestamps: Times = (), created: Times = ()) -> None:
        self.metadata = metadata
        self.timestamps = timestamps
        self.created = created

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for families of this type."""

    def sample_names(self) -> set[str]:
        """Return the names that samples of the family can have in the text formats."""
        return {self.metadata.name}

    def named(self, name: str) -> Self:
        """Return the same family under another name."""
        family = copy(self)
        family.metadata = self.metadata._replace(name=name)
        return family


class ScalarFamily(MetricFamily):
    """A family whose points have one value each.

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
        super().__init__(metadata, timestamps, created)
        self.label_sets = label_sets
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

    def __len__(self) -> int:
        return len(self.values)


class CounterFamily(ScalarFamily):
    """Values that only rise, until they begin at zero again."""

    def sample_names(self) -> set[str]:
        """Return the names that samples of the family can have in the text formats."""
        name = self.metadata.name
        return {name, f"{name.removesuffix('_total')}_created"}

    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for counters."""
        return visitor.counter(self)


class GaugeFamily(ScalarFamily):
    """Values that go up and down."""

    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for gauges."""
        return visitor.gauge(self)


class UnknownFamily(ScalarFamily):
    """Values of unknown type: they may be a counter's or a gauge's."""

    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for values of unknown type."""
        return visitor.unknown(self)


class InfoFamily(ScalarFamily):
    """Labels that say something by themselves; the values are 1."""

    @classmethod
    def of_labels(cls, metadata: Family, label_sets: Sequence[Labelled]) -> Self:
        """Return a family of labels."""
        return cls(metadata, label_sets, [1] * len(label_sets))

    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for information."""
        return visitor.info(self)


class StateSetFamily(ScalarFamily):
    """States, each with a value of 1 if it holds and 0 otherwise.

    The label that names the state has the name of the family.
    """

    @classmethod
    def of_states(cls, metadata: Family, states: Mapping[str, bool]) -> Self:
        """Return a family of states, each with whether it holds."""
        label_sets = [LabelSet(((metadata.name, state),)) for state in states]
        return cls(metadata, label_sets, [int(holds) for holds in states.values()])

    def named(self, name: str) -> Self:
        """Return the same states under another name, which their label has as well."""
        family, own = super().named(name), self.metadata.name
        family.label_sets = [
            LabelSet(tuple((name if label == own else label, value) for label, value in labels))
            for labels in (labels.all_labels().items() for labels in self.label_sets)
        ]
        return family

    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for state sets."""
        return visitor.state_set(self)


class SummaryFamily(MetricFamily):
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
        super().__init__(metadata, timestamps, created)
        self.points = points

    def sample_names(self) -> set[str]:
        """Return the names that samples of the family can have in the text formats."""
        name = self.metadata.name
        return {name, f"{name}_count", f"{name}_sum", f"{name}_created"}

    def __len__(self) -> int:
        return len(self.points)

    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for summaries."""
        return visitor.summary(self)


def no_native(_: Any) -> None:
    """Return no native histogram, whatever was counted."""


class HistogramFamily(MetricFamily):
    """Observations counted in buckets.

    What was counted is read when a format asks a point for it, not when the family is made.

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
        super().__init__(metadata, timestamps, created)
        self.points: Sequence[HistogramPoint] = points
        self.exemplars: Callable[[Any], Mapping[int, Exemplar]] = exemplars
        self.native = native
        self.classic = classic

    def sample_names(self) -> set[str]:
        """Return the names that samples of the family can have in the text formats."""
        name = self.metadata.name
        endings = ("bucket", "count", "sum", "gcount", "gsum", "created")
        return {name, *(f"{name}_{ending}" for ending in endings)}

    def __len__(self) -> int:
        return len(self.points)

    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for histograms."""
        return visitor.histogram(self)


class GaugeHistogramFamily(HistogramFamily):
    """A gauge histogram: things of the moment, such as waiting requests, counted in buckets."""

    def accept(self, visitor: FamilyVisitor[T_co]) -> T_co:
        """Call the visitor's method for gauge histograms."""
        return visitor.gauge_histogram(self)


class FamilyVisitor(Protocol[T_co]):
    """A format: what becomes of a family of each type."""

    def counter(self, family: CounterFamily, /) -> T_co:
        """Return what a counter becomes."""
        ...

    def gauge(self, family: GaugeFamily, /) -> T_co:
        """Return what a gauge becomes."""
        ...

    def unknown(self, family: UnknownFamily, /) -> T_co:
        """Return what values of unknown type become."""
        ...

    def histogram(self, family: HistogramFamily, /) -> T_co:
        """Return what a histogram becomes."""
        ...

    def gauge_histogram(self, family: GaugeHistogramFamily, /) -> T_co:
        """Return what a gauge histogram becomes."""
        ...

    def summary(self, family: SummaryFamily, /) -> T_co:
        """Return what a summary becomes."""
        ...

    def info(self, family: InfoFamily, /) -> T_co:
        """Return what information becomes."""
        ...

    def state_set(self, family: StateSetFamily, /) -> T_co:
        """Return what a state set becomes."""
        ...

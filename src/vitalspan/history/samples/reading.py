"""A reading of a registry at a tick, before any sample of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vitalspan.history.samples.selections import NameFilter
from vitalspan.promql.engine.float_histogram import FloatHistogram


class Point(Protocol):
    """Something that has series, and lives as long as they do."""

    def all_labels(self) -> dict[str, str]:
        """Return its labels by name."""
        ...


@dataclass(frozen=True, eq=False)
class Layout:
    """The series that the values of a point belong to; one object for all points that are alike.

    Attributes:
        family: the metric family that they belong to.
        series: the name of each value's series, and the labels that it has beyond the point's.
    """

    family: str
    series: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass
class Reading:
    """The samples of one tick.

    Attributes:
        samples: names with labels and values.
        points: points with their values, which need no look at their labels.
        histograms: names with labels and native histograms.
    """

    samples: list[tuple[str, Mapping[str, str], float]] = field(default_factory=list)
    points: list[tuple[Point, Layout, Sequence[float]]] = field(default_factory=list)
    histograms: list[tuple[str, Mapping[str, str], FloatHistogram]] = field(default_factory=list)


SampleReader = Callable[[NameFilter], Reading]
"""Reads the samples of the metrics that a filter wants."""


def read_nothing(_: NameFilter) -> Reading:
    """Return a reading without samples."""
    return Reading()

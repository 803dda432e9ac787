"""A reading of a registry at a tick, before its samples are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vitalspan.history.samples.selections import NameFilter
from vitalspan.promql.engine.float_histogram import FloatHistogram


class Point(Protocol):
    """An object that has series, and lives as long as they do."""

    def all_labels(self) -> dict[str, str]:
        """Return its labels by name."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The series for the values of a point; one object for all similar points.

    Attributes:
        family: the metric family of the values.
        series: the name of each value's series, and its labels in addition to the point's.
    """

    family: str
    series: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass
class Reading:
    """The samples of one tick.

    Attributes:
        samples: names with labels and values.
        points: points with their values, whose labels need not be looked at.
        histograms: names with labels and native histograms.
    """

    samples: list[tuple[str, Mapping[str, str], float]] = field(default_factory=list)
    points: list[tuple[Point, Layout, Sequence[float]]] = field(default_factory=list)
    histograms: list[tuple[str, Mapping[str, str], FloatHistogram]] = field(default_factory=list)


SampleReader = Callable[[NameFilter], Reading]
"""Reads the samples of the metrics that a filter accepts."""


def read_nothing(_: NameFilter) -> Reading:
    """Return a reading without samples."""
    return Reading()

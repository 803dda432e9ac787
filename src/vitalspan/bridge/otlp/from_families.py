"""Converts a monitor's metric families to data points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import sub
from typing import Final

from vitalspan.bridge.otlp.batch_builder import BatchBuilder
from vitalspan.bridge.otlp.exemplars import nanoseconds, to_exemplar
from vitalspan.bridge.otlp.model import (
    Attributes,
    Description,
    Exemplar,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    NumberPoint,
    Point,
    Scope,
    SummaryPoint,
)
from vitalspan.bridge.otlp.native_histograms import exponential_point
from vitalspan.bridge.otlp.scopes import split_labels
from vitalspan.bridge.ucum import to_ucum
from vitalspan.exposition.families import (
    HistogramFamily,
    MetricFamily,
    ScalarFamily,
    SummaryFamily,
)
from vitalspan.exposition.native_histogram import NativeHistogram
from vitalspan.exposition.points import Exemplar as FamilyExemplar
from vitalspan.exposition.points import Labelled


class AttributeCache:
    """A cache of scopes and attributes by the text of their labels, limited to recent readings."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[Scope, Attributes]] = {}
        self._now: dict[str, tuple[Scope, Attributes]] = {}

    def next_generation(self) -> None:
        """Drop the entries that were not used since the previous call."""
        self._before, self._now = self._now, {}

    def split(self, labels: Labelled) -> tuple[Scope, Attributes]:
        """Return the scope in some labels, and the other labels as attributes."""
        text = labels.text
        entry = self._now.get(text)
        if entry is None:
            entry = self._before.get(text) or split_labels(labels.all_labels())
            self._now[text] = entry
        return entry


class _PointLists(dict[Scope, list[Point]]):
    """The point lists of one metric, by scope."""

    def __init__(self, builder: BatchBuilder, description: Description) -> None:
        super().__init__()
        self._builder = builder
        self._description = description

    def __missing__(self, scope: Scope) -> list[Point]:
        points = self[scope] = self._builder.points(scope, self._description)
        return points


_KINDS: Final = {
    "counter": Kind.COUNTER,
    "gauge": Kind.GAUGE,
    "unknown": Kind.GAUGE,
    "info": Kind.SUM,
    "stateset": Kind.SUM,
}
"""The kinds of families that have one value for each point."""


class OtlpPoints:
    """Adds the points of families to a batch.

    Args:
        builder: collects the points.
        attributes: caches them from one batch to the next.
        exponential: whether histograms are exponential if possible.
    """

    def __init__(
        self, builder: BatchBuilder, attributes: AttributeCache, *, exponential: bool
    ) -> None:
        self._builder = builder
        self._attributes = attributes
        self._exponential = exponential

    def add(self, family: MetricFamily) -> None:
        """Add the points of a family."""
        match family:
            case ScalarFamily():
                self._add_scalars(family, _KINDS[family.metadata.type])
            case SummaryFamily():
                self._add_summaries(family)
            case HistogramFamily(is_gauge=True):
                # OpenTelemetry does not have this type.
                self._builder.left_out += 1 if family else 0
            case HistogramFamily():
                self._add_histograms(family)

    def _add_summaries(self, family: SummaryFamily) -> None:
        description = _described(family, Kind.SUMMARY)
        for point, start, time in zip(family.points, *self._times(family), strict=False):
            if point.observations is None:
                self._builder.left_out += 1
                continue
            scope, attributes = self._attributes.split(point.labels)
            self._builder.points(scope, description).append(
                SummaryPoint(
                    attributes,
                    start,
                    time,
                    int(point.observations),
                    point.total or 0.0,
                    point.quantiles,
                )
            )

    def _add_histograms(self, family: HistogramFamily) -> None:
        """Add histograms, as exponential ones if that is wanted and possible."""
        classic = _described(family, Kind.HISTOGRAM)
        lists = _PointLists(self._builder, classic)
        exponential = classic._replace(kind=Kind.EXPONENTIAL_HISTOGRAM)
        for point, start, time in zip(family.points, *self._times(family), strict=False):
            scope, attributes = self._attributes.split(point)
            exemplars = _exemplars(family.exemplars(point).values(), time)
            histogram = point.histogram
            native = family.native(histogram) if self._exponential else None
            if native is not None:
                self._builder.points(scope, exponential).append(
                    _exponential(native, ExponentialPoint(attributes, start, time), exemplars)
                )
                continue
            boundaries, cumulative = histogram.grid.boundaries, histogram.cumulative()
            counts = int(cumulative[0]), *map(int, map(sub, cumulative[1:], cumulative))
            lists[scope].append(
                HistogramPoint(
                    attributes,
                    start,
                    time,
                    int(cumulative[-1]),
                    histogram.total,
                    counts,
                    boundaries,
                    exemplars,
                )
            )

    def _add_scalars(self, family: ScalarFamily, kind: Kind) -> None:
        description = _described(family, kind)
        starts, times = self._times(family)
        if kind is not Kind.COUNTER:
            starts = repeat(0)
        exemplars: Iterable[FamilyExemplar | None] = family.exemplars or repeat(None)
        split, lists = self._attributes.split, _PointLists(self._builder, description)
        rows = zip(family.label_sets, family.values, starts, times, exemplars, strict=False)
        for labels, value, start, time, exemplar in rows:
            scope, attributes = split(labels)
            of_point = () if exemplar is None else (to_exemplar(exemplar, time),)
            lists[scope].append(NumberPoint(attributes, start, time, float(value), of_point))

    def _times(self, family: MetricFamily) -> tuple[Iterable[int], Iterable[int]]:
        """Return the start time of each point, and the time of its reading."""
        return (
            _column(family.created, 0),
            _column(family.timestamps, self._builder.time),
        )


def _column(seconds: Sequence[float | None], default: int) -> Iterable[int]:
    if not seconds:
        return repeat(default)
    return [default if moment is None else nanoseconds(moment) for moment in seconds]


def _described(family: MetricFamily, kind: Kind) -> Description:
    name, type_, help_, unit = family.metadata
    return Description(name, help_, to_ucum(unit), type_, kind)


def _exemplars(exemplars: Iterable[FamilyExemplar], time: int) -> tuple[Exemplar, ...]:
    return tuple(to_exemplar(exemplar, time) for exemplar in exemplars)


def _exponential(
    native: NativeHistogram, point: ExponentialPoint, exemplars: tuple[Exemplar, ...]
) -> ExponentialPoint:
    return exponential_point(
        point._replace(exemplars=exemplars),
        native.schema,
        total=native.total,
        zero=(native.zero_threshold, int(native.zero_count)),
        positive=native.positive.counts(),
        negative=native.negative.counts(),
    )

"""Finds the kept series of what a registry's collectors give, tick after tick."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Final

from vitalspan.history.samples.kept_series import KeptSeries
from vitalspan.history.samples.reading import Layout, Point
from vitalspan.promql.engine.metric_labels import NAME, MetricLabels, metric_labels
from vitalspan.resource import external_labels

_MAX_REMEMBERED: Final = 400_000
"""Samples that are remembered at most, with those of which nothing is kept."""


class SeriesLookup:
    """Finds the series of a sample or a point, and remembers it for the next tick.

    Args:
        keep: returns what is kept of a series, by the class of a new one; None if no expression
            selects it.

    Attributes:
        external_labels: those of the process, which all series have.
    """

    def __init__(self, keep: Callable[[MetricLabels, type[KeptSeries]], KeptSeries | None]) -> None:
        self.external_labels = external_labels()
        self._keep = keep
        self._series_by_point: weakref.WeakKeyDictionary[
            Point, dict[str, tuple[Layout, list[KeptSeries | None]]]
        ] = weakref.WeakKeyDictionary()
        self._series_by_sample: dict[
            tuple[str, tuple[tuple[str, str], ...]], KeptSeries | None
        ] = {}

    def of_sample(
        self, name: str, labels: Mapping[str, str], kind: type[KeptSeries] = KeptSeries
    ) -> KeptSeries | None:
        """Return the series of a sample; None if it is not kept.

        Args:
            name: of the metric.
            labels: of the series.
            kind: the class of a series that is new.
        """
        cache = self._series_by_sample
        key = (name, tuple(labels.items()))
        if key not in cache:
            if len(cache) > _MAX_REMEMBERED:
                cache.clear()
            cache[key] = self._keep(self._labels(name, labels), kind)
        return cache[key]

    def of_point(self, point: Point, layout: Layout) -> list[KeptSeries | None]:
        """Return the series of each value of a point; None for those that are not kept."""
        families = self._series_by_point.get(point)
        if families is None:
            families = self._series_by_point[point] = {}
        entry = families.get(layout.family)
        if entry is None or entry[0] is not layout:
            labels = point.all_labels()
            series = [
                self._keep(self._labels(name, {**labels, **dict(more)}), KeptSeries)
                for name, more in layout.series
            ]
            entry = families[layout.family] = (layout, series)
        return entry[1]

    def clear(self) -> None:
        """Look for every series anew."""
        self._series_by_point.clear()
        self._series_by_sample.clear()

    def reset(self) -> None:
        """Begin anew in a forked child, whose labels are others."""
        self.clear()
        self.external_labels = external_labels()

    def _labels(self, name: str, labels: Mapping[str, str]) -> MetricLabels:
        """Return the labels that a server would give a series: those of the target among them."""
        own = {f"exported_{k}" if k in self.external_labels else k: v for k, v in labels.items()}
        return metric_labels({**own, **self.external_labels, NAME: name})

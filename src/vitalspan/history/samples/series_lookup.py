"""Finds the kept series for the values of a registry's collectors, tick after tick."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Final

from vitalspan.history.samples.kept_series import KeptSeries
from vitalspan.history.samples.reading import Layout, Point
from vitalspan.promql.engine.metric_labels import NAME, MetricLabels, metric_labels
from vitalspan.resource import external_labels

_MAX_REMEMBERED: Final = 400_000
"""The maximum number of samples to remember, including those that are not kept."""


class SeriesLookup:
    """Finds the series of a sample or a point, and remembers it for the next tick.

    Args:
        keep: returns the kept series for labels, with the class for a new one; None if no
            expression selects it.

    Attributes:
        external_labels: the external labels of the process, which all series have.
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
            name: the name of the metric.
            labels: the labels of the series.
            kind: the class for a new series.
        """
        cache = self._series_by_sample
        key = (name, tuple(labels.items()))
        if key not in cache:
            if len(cache) > _MAX_REMEMBERED:
                cache.clear()
            cache[key] = self._keep(self._labels(name, labels), kind)
        return cache[key]

    def of_point(self, point: Point, layout: Layout) -> list[KeptSeries | None]:
        """Return the series of each value of a point; None for values that are not kept."""
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
        """Forget all lookups."""
        self._series_by_point.clear()
        self._series_by_sample.clear()

    def reset(self) -> None:
        """Start over in a forked child, whose external labels are different."""
        self.clear()
        self.external_labels = external_labels()

    def _labels(self, name: str, labels: Mapping[str, str]) -> MetricLabels:
        """Return the labels that a server would give a series, including those of the target."""
        own = {f"exported_{k}" if k in self.external_labels else k: v for k, v in labels.items()}
        return metric_labels({**own, **self.external_labels, NAME: name})

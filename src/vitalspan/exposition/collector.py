"""A monitor as a collector for any prometheus_client registry."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from prometheus_client.core import Exemplar, Metric
from prometheus_client.registry import Collector

from vitalspan import metrics as names
from vitalspan.exposition import points
from vitalspan.exposition.families import (
    HistogramFamily,
    MetricFamily,
    ScalarFamily,
    SummaryFamily,
)
from vitalspan.exposition.monitor_families import MonitorFamilies
from vitalspan.exposition.native_histogram import NativeHistogram
from vitalspan.exposition.text_parts import boundary_texts, number
from vitalspan.metrics import Family

T = TypeVar("T")

_FAMILIES = tuple(
    family
    for family in vars(names).values()
    if isinstance(family, Family) and family not in names.SEPARATE_FAMILIES
)


class FamilyCollector(Collector):
    """A collector whose metrics are families, which our own formats can write."""

    @property
    def created_series(self) -> bool:
        """True if text formats have `_created` samples."""
        return False

    @property
    def classic_names(self) -> bool:
        """True if all names only have letters, digits, `_` and `:`."""
        return True

    @abstractmethod
    def read(self) -> Iterator[MetricFamily]:
        """Yield all families that have points."""

    def describe(self) -> Iterable[Metric]:
        """Return the families that this collector always has, without samples."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all families that have samples."""
        return self.metrics(native=False)

    def metrics(self, *, native: bool) -> Iterator[Metric]:
        """Yield all families that have samples.

        Args:
            native: whether to include samples of native histograms, which only OpenMetrics 2.0.0
                can represent.
        """
        converter = MetricConverter(created=self.created_series, native=native)
        return map(converter.convert, self.read())


class MonitorCollector(FamilyCollector):
    """Passes a monitor's families to prometheus_client.

    Args:
        families: the families of the monitor.
    """

    def __init__(self, families: MonitorFamilies) -> None:
        self.families = families

    @property
    def created_series(self) -> bool:
        """True if text formats have `_created` samples."""
        return self.families.created_series

    def read(self) -> Iterator[MetricFamily]:
        """Yield all families that have points."""
        return self.families.read()

    def describe(self) -> Iterable[Metric]:
        """Return the families that this collector always has, without samples."""
        return [_metric(self.families.named(family)) for family in _FAMILIES]


class MetricConverter:
    """Converts families to prometheus_client's metrics.

    Args:
        created: whether to add a `_created` sample to each point with a creation time.
        native: whether to add samples of native histograms.
    """

    def __init__(self, *, created: bool = False, native: bool = False) -> None:
        self._created = created
        self._native = native

    def convert(self, family: MetricFamily) -> Metric:
        """Return a family as a metric of prometheus_client."""
        metric = _metric(family.metadata)
        match family:
            case ScalarFamily():
                self._add_scalars(metric, family)
            case SummaryFamily():
                self._add_summaries(metric, family)
            case HistogramFamily():
                self._add_histograms(metric, family)
        return metric

    def _add_scalars(self, metric: Metric, family: ScalarFamily) -> None:
        for index, (label_set, value) in enumerate(
            zip(family.label_sets, family.values, strict=True)
        ):
            labels, exemplar = label_set.all_labels(), _exemplar(_at(family.exemplars, index))
            time = _at(family.timestamps, index)
            metric.add_sample(family.metadata.name, labels, value, time, exemplar)
            self._add_created(metric, labels, family, index)

    def _add_summaries(self, metric: Metric, family: SummaryFamily) -> None:
        for index, point in enumerate(family.points):
            labels, time = point.labels.all_labels(), _at(family.timestamps, index)
            for quantile, value in point.quantiles:
                labels_of_quantile = {**labels, "quantile": number(quantile)}
                metric.add_sample(metric.name, labels_of_quantile, value, time)
            for suffix, amount in (("_count", point.observations), ("_sum", point.total)):
                if amount is not None:
                    metric.add_sample(metric.name + suffix, labels, amount, time)
            self._add_created(metric, labels, family, index)

    def _add_histograms(self, metric: Metric, family: HistogramFamily) -> None:
        of_count, of_sum = family.total_endings
        for index, point in enumerate(family.points):
            labels, histogram = point.all_labels(), point.histogram
            time, exemplars = _at(family.timestamps, index), family.exemplars(point)
            native = family.native(histogram) if self._native else None
            if native is not None:
                native_shown = _client_native(native, () if family.classic else exemplars.values())
                metric.add_sample(metric.name, labels, 0, time, native_histogram=native_shown)
            if native is None or family.classic:
                _add_buckets(metric, labels, histogram, exemplars, time)
                count = histogram.cumulative()[-1]
                metric.add_sample(metric.name + of_count, labels, count, time)
                if histogram.total is not None:
                    metric.add_sample(metric.name + of_sum, labels, histogram.total, time)
            self._add_created(metric, labels, family, index)

    def _add_created(
        self, metric: Metric, labels: dict[str, str], family: MetricFamily, index: int
    ) -> None:
        created = _at(family.created, index) if self._created else None
        if created is not None:
            metric.add_sample(f"{metric.name}_created", labels, created)


def _add_buckets(
    metric: Metric,
    labels: dict[str, str],
    histogram: points.HistogramValue,
    exemplars: Mapping[int, points.Exemplar],
    time: float | None,
) -> None:
    bounds, counts = boundary_texts(histogram.grid), histogram.cumulative()
    for bucket, (bound, count) in enumerate(zip(bounds, counts, strict=True)):
        labels_of_bucket = {**labels, "le": bound}
        exemplar = _exemplar(exemplars.get(bucket))
        metric.add_sample(f"{metric.name}_bucket", labels_of_bucket, count, time, exemplar)


def _client_native(native: NativeHistogram, exemplars: Iterable[points.Exemplar]) -> Any:
    """Return a native histogram as prometheus_client's."""
    # Older releases do not have it, and do not ask for it either.
    from prometheus_client import samples  # noqa: PLC0415

    (pos_spans, pos_deltas), (neg_spans, neg_deltas) = (
        ([samples.BucketSpan(*span) for span in buckets.spans], list(map(int, buckets.deltas)))
        for buckets in (native.positive, native.negative)
    )
    exemplars_shown = [
        Exemplar(dict(one.labels), one.value, one.timestamp)
        for one in (*native.exemplars, *exemplars)
    ]
    return samples.NativeHistogram(
        count_value=native.count,
        sum_value=float("nan") if native.total is None else native.total,
        schema=native.schema,
        zero_threshold=native.zero_threshold,
        zero_count=native.zero_count,
        pos_spans=pos_spans or None,
        neg_spans=neg_spans or None,
        pos_deltas=pos_deltas or None,
        neg_deltas=neg_deltas or None,
        nh_exemplars=exemplars_shown or None,
    )


def _at(column: Sequence[T | None], index: int) -> T | None:
    """Return a point's value in a column, which may be empty."""
    return column[index] if column else None


def _exemplar(exemplar: points.Exemplar | None) -> Exemplar | None:
    if exemplar is None:
        return None
    return Exemplar(dict(exemplar.labels), exemplar.value, exemplar.timestamp)


def _metric(family: Family) -> Metric:
    # prometheus_client has no counters without `_total` in their names.
    is_strange = family.type == "counter" and not family.name.endswith("_total")
    return Metric(
        family.base_name, family.help, "unknown" if is_strange else family.type, family.unit
    )

"""Converts metrics of OpenTelemetry's SDK to metric families.

The rules are those of OpenTelemetry's Prometheus compatibility document, "OTLP Metric points to
Prometheus".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    Gauge,
    Histogram,
    MetricsData,
    Sum,
)

from vitalspan.bridge.otel_names import TranslationStrategy, label_name, metric_name, to_labels
from vitalspan.bridge.otel_points import (
    OtelHistogram,
    classic_histogram,
    exemplars_in,
    exponential_histogram,
    latest_exemplar,
)
from vitalspan.exposition.families import HistogramFamily, MetricFamily, ScalarFamily
from vitalspan.exposition.points import Exemplar, LabelSet
from vitalspan.labels import Labels
from vitalspan.metrics import Family
from vitalspan.runtime.internal_errors import logger

TARGET_INFO: Final = "target_info"

_SCOPE: Final = "otel_scope_"
_SCOPE_PARTS: Final = tuple(f"{_SCOPE}{part}" for part in ("name", "version", "schema_url"))

_RESERVED: Final = {"histogram": "le"}


@dataclass
class _Rows:
    """The points of one family, column by column."""

    metadata: Family
    label_sets: list[LabelSet] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    histograms: list[OtelHistogram] = field(default_factory=list)
    created: list[float | None] = field(default_factory=list)
    exemplars: list[Exemplar | None] = field(default_factory=list)
    exponential: bool = False
    seen: set[str] = field(default_factory=set)

    def family(self) -> MetricFamily:
        """Return the family."""
        if self.metadata.type == "histogram":
            return HistogramFamily(
                self.metadata,
                self.histograms,
                attrgetter("exemplars"),
                native=attrgetter("native"),
                classic=not self.exponential,
                created=self.created,
            )
        if self.metadata.type == "gauge":
            return ScalarFamily(self.metadata, self.label_sets, self.values)
        exemplars = self.exemplars if any(self.exemplars) else ()
        return ScalarFamily(
            self.metadata,
            self.label_sets,
            self.values,
            created=self.created,
            exemplars=exemplars,
        )


class OtelFamilies:
    """Translates the metrics that the SDK collects, and logs once what has to be left out.

    Args:
        strategy: the translation strategy for names.
        scope_info: whether points have labels of their scope.
        constant_labels: returns which attributes of the resource are labels of every point.
    """

    def __init__(
        self,
        strategy: TranslationStrategy,
        *,
        scope_info: bool,
        constant_labels: Callable[[str], bool] | None,
    ) -> None:
        self.strategy = strategy
        self._scope_info = scope_info
        self._constant_labels = constant_labels
        self._omissions_logged: set[tuple[str, str]] = set()
        self._labels_before: dict[Any, tuple[Any, LabelSet]] = {}
        self._labels: dict[Any, tuple[Any, LabelSet]] = {}

    def translate(self, data: MetricsData, taken: Collection[str]) -> Iterator[MetricFamily]:
        """Yield the families of the collected metrics.

        Args:
            data: the metrics from the SDK.
            taken: the names of other collectors in the registry.
        """
        self._labels_before, self._labels = self._labels, {}
        rows: dict[str, _Rows] = {}
        for resource in data.resource_metrics:
            constant = self._constant(resource.resource.attributes)
            for scope in resource.scope_metrics:
                common = (*self._scope_labels(scope.scope), *constant)
                for metric in scope.metrics:
                    try:
                        self._add(metric, common, rows, taken)
                    except Exception:  # noqa: BLE001 - one bad metric must not take the others with it
                        self._tell(metric.name, "it cannot be translated", trace=True)
        for one in rows.values():
            if one.label_sets or one.histograms:
                yield one.family()

    def target_info(self, attributes: Mapping[str, Any]) -> MetricFamily:
        """Return the attributes of a resource as the info metric of the target."""
        labels = LabelSet(to_labels(attributes.items(), self.strategy))
        return ScalarFamily.info(Family(TARGET_INFO, "info", "Target metadata"), [labels])

    def _add(
        self, metric: Any, common: Labels, rows: dict[str, _Rows], taken: Collection[str]
    ) -> None:
        data = metric.data
        kind = _type_of(data)
        if kind is None:
            self._tell(
                metric.name,
                f"its {type(data).__name__} has deltas, but Prometheus needs cumulative values",
            )
            return
        counter = kind == "counter"
        name, unit = metric_name(
            metric.name, metric.unit or "", self.strategy, counter=counter, gauge=kind == "gauge"
        )
        metadata = Family(name, kind, metric.description or "", unit)
        if name in taken or name.removesuffix("_total") in taken:
            self._tell(metric.name, f"another collector has metrics named {name}")
            return
        family = rows.setdefault(name, _Rows(metadata))
        if family.metadata.type != kind:
            self._tell(metric.name, f"{name} is a {family.metadata.type} already, not a {kind}")
            return
        if family.metadata != metadata:
            self._tell(metric.name, f"{name} has another help or unit already", left_out="help")
        for point in data.data_points:
            self._add_point(metric.name, point, common, family)

    def _add_point(self, name: str, point: Any, common: Labels, family: _Rows) -> None:
        kind = family.metadata.type
        labels = self._label_set(point.attributes, common, _RESERVED.get(kind, ""))
        if labels.text in family.seen:
            self._tell(name, "another point has the same labels", left_out="point")
            return
        family.seen.add(labels.text)
        if kind == "histogram":
            exponential = hasattr(point, "scale")
            make = exponential_histogram if exponential else classic_histogram
            histogram = make(point, labels, self.strategy)
            if histogram is None:
                self._tell(
                    name, f"Prometheus does not support buckets of scale {point.scale}", "point"
                )
                return
            family.exponential = family.exponential or exponential
            family.histograms.append(histogram)
        else:
            family.label_sets.append(labels)
            family.values.append(point.value)
        if kind != "gauge":
            began = point.start_time_unix_nano
            family.created.append(began / 1e9 if began else None)
            if kind == "counter":
                family.exemplars.append(latest_exemplar(exemplars_in(point), self.strategy))

    def _label_set(self, attributes: Any, common: Labels, reserved: str) -> LabelSet:
        # The SDK keeps the attributes of a series, so they are the same object in every scrape.
        key = id(attributes), common, reserved
        entry = self._labels.get(key) or self._labels_before.get(key)
        if entry is None or entry[0] is not attributes:
            pairs = to_labels((*common, *(attributes or {}).items()), self.strategy)
            if reserved:
                pairs = tuple(
                    (f"exported_{name}" if name == reserved else name, value)
                    for name, value in pairs
                )
            entry = attributes, LabelSet(pairs)
        self._labels[key] = entry
        return entry[1]

    def _scope_labels(self, scope: Any) -> Labels:
        if not self._scope_info:
            return ()
        parts = zip(_SCOPE_PARTS, (scope.name, scope.version, scope.schema_url), strict=True)
        labels = [(name, value) for name, value in parts if value]
        own = getattr(scope, "attributes", None) or {}
        pairs = ((f"{_SCOPE}{key}", value) for key, value in own.items())
        labels += to_labels(
            (pair for pair in pairs if label_name(pair[0], self.strategy) not in _SCOPE_PARTS),
            self.strategy,
        )
        return tuple(labels)

    def _constant(self, attributes: Mapping[str, Any]) -> Labels:
        is_constant = self._constant_labels
        if is_constant is None:
            return ()
        pairs = ((key, value) for key, value in attributes.items() if is_constant(key))
        return to_labels(pairs, self.strategy)

    def _tell(self, name: str, why: str, left_out: str = "metric", *, trace: bool = False) -> None:
        # Log once per metric and reason, not at every scrape.
        if (name, why) not in self._omissions_logged:
            self._omissions_logged.add((name, why))
            logger.warning(
                "a %s of the instrument %s is left out of scrapes: %s",
                left_out,
                name,
                why,
                exc_info=trace,
            )


def _type_of(data: Any) -> str | None:
    """Return the Prometheus type of data; None if it is not cumulative."""
    if isinstance(data, Gauge):
        return "gauge"
    if data.aggregation_temporality != AggregationTemporality.CUMULATIVE:
        return None
    if isinstance(data, Sum):
        return "counter" if data.is_monotonic else "gauge"
    if isinstance(data, (Histogram, ExponentialHistogram)):
        return "histogram"
    raise TypeError(f"{type(data).__name__} has no counterpart in Prometheus")

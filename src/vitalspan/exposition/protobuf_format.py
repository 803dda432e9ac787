"""The protobuf format: `io.prometheus.client.MetricFamily` messages, each with its length.

It is the format of Prometheus that has native histograms. The messages are described in
https://github.com/prometheus/client_model, `io/prometheus/client/metrics.proto`; the numbers of
fields below are theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import repeat
from typing import Final

from vitalspan.exposition import protobuf_wire as wire
from vitalspan.exposition.escaping import DOTS, escape_label_name, escape_metric_name
from vitalspan.exposition.families import (
    CounterFamily,
    FamilyVisitor,
    GaugeFamily,
    GaugeHistogramFamily,
    HistogramFamily,
    InfoFamily,
    MetricFamily,
    ScalarFamily,
    StateSetFamily,
    SummaryFamily,
    UnknownFamily,
)
from vitalspan.exposition.points import Exemplar, Labelled, LabelSet, SummaryPoint
from vitalspan.exposition.protobuf_histogram import histogram_message
from vitalspan.exposition.protobuf_parts import exemplar_message, label_pairs, timestamp_message

_COUNTER, _GAUGE, _SUMMARY, _UNTYPED, _HISTOGRAM, _GAUGE_HISTOGRAM = range(6)
"""The numbers of the types."""

_OF_COUNTER, _OF_GAUGE, _OF_UNTYPED = 3, 2, 5
"""The fields of a metric's value, by its type."""

_MOST_LABELS: Final = 20_000
"""Series whose encoded labels are kept."""


class ProtobufFormat(FamilyVisitor[bytes]):
    """Writes families as messages with their lengths before them.

    Information and states are gauges and values of unknown type are untyped, since the format has
    no types for them.

    Args:
        escaping: how names outside the classic character set are written.
    """

    def __init__(self, escaping: str) -> None:
        self._escaping = escaping

    def write(self, families: Iterable[MetricFamily]) -> Iterator[bytes]:
        """Yield the message of each family that has points."""
        for family in families:
            if family:
                yield family.accept(self)

    def counter(self, family: CounterFamily, /) -> bytes:
        """Return a counter with its exemplars and when it began."""
        if not family.created and not family.exemplars:
            return self._scalars(family, _COUNTER, _OF_COUNTER)
        created = family.created or repeat(None)
        exemplars = family.exemplars or repeat(None)
        values = (
            _counter(value, begun)
            if exemplar is None
            else wire.message(_OF_COUNTER, _counter_content(value, exemplar, begun))
            for value, exemplar, begun in zip(family.values, exemplars, created, strict=False)
        )
        return self._metrics(family, _COUNTER, self._labels(family.label_sets), values)

    def gauge(self, family: GaugeFamily, /) -> bytes:
        """Return a gauge."""
        return self._scalars(family, _GAUGE, _OF_GAUGE)

    def unknown(self, family: UnknownFamily, /) -> bytes:
        """Return values of unknown type."""
        return self._scalars(family, _UNTYPED, _OF_UNTYPED)

    def info(self, family: InfoFamily, /) -> bytes:
        """Return information."""
        return self._scalars(family, _GAUGE, _OF_GAUGE)

    def state_set(self, family: StateSetFamily, /) -> bytes:
        """Return a state set."""
        return self._scalars(family, _GAUGE, _OF_GAUGE)

    def summary(self, family: SummaryFamily, /) -> bytes:
        """Return a summary."""
        labels = self._labels(point.labels for point in family.points)
        created = family.created or repeat(None)
        values = (
            wire.message(4, _summary(point, begun))
            for point, begun in zip(family.points, created, strict=False)
        )
        return self._metrics(family, _SUMMARY, labels, values)

    def histogram(self, family: HistogramFamily, /) -> bytes:
        """Return a histogram: native, classic, or both."""
        return self._histograms(family, _HISTOGRAM)

    def gauge_histogram(self, family: GaugeHistogramFamily, /) -> bytes:
        """Return a gauge histogram: native, classic, or both."""
        return self._histograms(family, _GAUGE_HISTOGRAM)

    def _histograms(self, family: HistogramFamily, kind: int) -> bytes:
        created = family.created or repeat(None)
        values = (
            wire.message(7, histogram_message(family, point, begun))
            for point, begun in zip(family.points, created, strict=False)
        )
        return self._metrics(family, kind, self._labels(family.points), values)

    def _scalars(self, family: ScalarFamily, kind: int, field: int) -> bytes:
        # Many values are the same, 0 above all.
        encoded = {
            value: wire.message(field, wire.double(1, value)) for value in set(family.values)
        }
        values = map(encoded.__getitem__, family.values)
        return self._metrics(family, kind, self._labels(family.label_sets), values)

    def _metrics(
        self, family: MetricFamily, kind: int, labels: Iterable[bytes], values: Iterable[bytes]
    ) -> bytes:
        """Return the message of a family of points with these labels and values."""
        if family.timestamps:
            values = map(_with_time, values, family.timestamps)
        parts = [self._head(family, kind)]
        for pairs, value in zip(labels, values, strict=False):
            parts += (_metric_key(len(pairs) + len(value)), pairs, value)
        return wire.delimited(b"".join(parts))

    def _head(self, family: MetricFamily, kind: int) -> bytes:
        name, _, description, unit = family.metadata
        name, bare_name = escape_metric_name(name, self._escaping), name
        # Prometheus refuses the whole scrape for a unit that the name does not end in.
        if unit and not bare_name.removesuffix("_total").endswith(f"_{unit}"):
            unit = ""
        return b"".join(
            (
                wire.string(1, name),
                wire.string(2, description),
                wire.uint(3, kind),
                wire.string(5, unit) if unit else b"",
            )
        )

    def _labels(self, label_sets: Iterable[Labelled]) -> Iterator[bytes]:
        cache = _known_labels
        keep = self._escaping != DOTS
        for labels in label_sets:
            # Those of no series are made for one scrape.
            if keep and not isinstance(labels, LabelSet):
                pairs = cache.get(labels.text)
                if pairs is None:
                    pairs = _keep(labels.text, self._label_pairs(labels))
                yield pairs
            else:
                yield self._label_pairs(labels)

    def _label_pairs(self, labels: Labelled) -> bytes:
        escaping = self._escaping
        return label_pairs(
            1,
            (
                (escape_label_name(name, escaping), value)
                for name, value in labels.all_labels().items()
            ),
        )


_known_labels: dict[str, bytes] = {}
"""Encoded labels of series by their text; the names of labels that we declare are classic ones."""


def _keep(text: str, pairs: bytes) -> bytes:
    if len(_known_labels) >= _MOST_LABELS:
        _known_labels.clear()
    _known_labels[text] = pairs
    return pairs


@lru_cache(maxsize=4096)
def _metric_key(length: int) -> bytes:
    """Return what the message of a metric begins with in that of its family."""
    return wire.key(4, wire.LENGTH) + wire.varint(length)


def _with_time(value: bytes, seconds: float | None) -> bytes:
    return value if seconds is None else value + wire.uint(6, round(seconds * 1000))


@lru_cache(maxsize=4096)
def _counter(value: float, created: float | None) -> bytes:
    """Return the field of a counter without an exemplar; many do not change between scrapes."""
    return wire.message(_OF_COUNTER, _counter_content(value, None, created))


def _counter_content(value: float, exemplar: Exemplar | None, created: float | None) -> bytes:
    content = wire.double(1, value)
    if exemplar is not None:
        content += wire.message(2, exemplar_message(exemplar))
    return content if created is None else content + wire.message(3, timestamp_message(created))


def _summary(point: SummaryPoint, created: float | None) -> bytes:
    parts = []
    if point.observations is not None:
        parts.append(wire.uint(1, int(point.observations)))
    if point.total is not None:
        parts.append(wire.double(2, point.total))
    parts += (
        wire.message(3, wire.double(1, quantile) + wire.double(2, value))
        for quantile, value in point.quantiles
    )
    if created is not None:
        parts.append(wire.message(4, timestamp_message(created)))
    return b"".join(parts)

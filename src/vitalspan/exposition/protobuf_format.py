"""The protobuf format: length-delimited `io.prometheus.client.MetricFamily` messages.

This is the format of Prometheus that supports native histograms. The messages are defined in
https://github.com/prometheus/client_model, `io/prometheus/client/metrics.proto`; the field numbers
below come from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from itertools import repeat
from typing import Final

from vitalspan.exposition import protobuf_wire as wire
from vitalspan.exposition.escaping import DOTS, escape_label_name, escape_metric_name
from vitalspan.exposition.families import (
    HistogramFamily,
    MetricFamily,
    ScalarFamily,
    SummaryFamily,
)
from vitalspan.exposition.points import Exemplar, Labelled, LabelSet, SummaryPoint
from vitalspan.exposition.protobuf_histogram import histogram_message
from vitalspan.exposition.protobuf_parts import exemplar_message, label_pairs, timestamp_message
from vitalspan.metrics import Family

_TYPES: Final = {
    "counter": (0, 3),
    "gauge": (1, 2),
    "summary": (2, 4),
    "unknown": (3, 5),
    "histogram": (4, 7),
    "gaugehistogram": (5, 7),
    "info": (1, 2),
    "stateset": (1, 2),
}
"""The number of each type, and the field of a metric for its value. The format has no types for
infos and state sets, which are gauges, and unknown values are untyped."""

_MOST_LABELS: Final = 20_000
"""The maximum number of series whose encoded labels are cached."""


class ProtobufFormat:
    """Writes families as length-delimited messages.

    Args:
        escaping: how to write names outside the classic character set.
    """

    def __init__(self, escaping: str) -> None:
        self._escaping = escaping

    def write(self, families: Iterable[MetricFamily]) -> Iterator[bytes]:
        """Yield the message of each family that has points."""
        for family in families:
            if family:
                yield self._message(family)

    def _message(self, family: MetricFamily) -> bytes:
        values = _values(family)
        if family.timestamps:
            values = map(_with_time, values, family.timestamps)
        parts = [self._head(family.metadata)]
        for pairs, value in zip(self._labels(family.label_sets), values, strict=False):
            parts += (_metric_key(len(pairs) + len(value)), pairs, value)
        return wire.delimited(b"".join(parts))

    def _head(self, metadata: Family) -> bytes:
        name, kind, description, unit = metadata
        name, bare_name = escape_metric_name(name, self._escaping), name
        # Prometheus refuses the whole scrape if a name does not end in its unit.
        if unit and not bare_name.removesuffix("_total").endswith(f"_{unit}"):
            unit = ""
        return b"".join(
            (
                wire.string(1, name),
                wire.string(2, description),
                wire.uint(3, _TYPES[kind][0]),
                wire.string(5, unit) if unit else b"",
            )
        )

    def _labels(self, label_sets: Iterable[Labelled]) -> Iterator[bytes]:
        cache = _known_labels
        keep = self._escaping != DOTS
        for labels in label_sets:
            # Labels that do not belong to a series are created for each scrape.
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


def _values(family: MetricFamily) -> Iterable[bytes]:
    """Return the values of points as encoded fields of their metrics."""
    created = family.created or repeat(None)
    match family:
        case ScalarFamily():
            return _scalars(family, created)
        case SummaryFamily():
            messages = map(_summary, family.points, created)
        case HistogramFamily():
            messages = map(partial(histogram_message, family), family.points, created)
    _, field = _TYPES[family.metadata.type]
    return (wire.message(field, message) for message in messages)


def _scalars(family: ScalarFamily, created: Iterable[float | None]) -> Iterable[bytes]:
    _, field = _TYPES[family.metadata.type]
    if family.metadata.type == "counter" and (family.created or family.exemplars):
        exemplars = family.exemplars or repeat(None)
        return (
            _counter(value, begun)
            if exemplar is None
            else wire.message(field, _counter_content(value, exemplar, begun))
            for value, exemplar, begun in zip(family.values, exemplars, created, strict=False)
        )
    # Many values are equal, most often 0.
    encoded = {value: wire.message(field, wire.double(1, value)) for value in set(family.values)}
    return map(encoded.__getitem__, family.values)


_known_labels: dict[str, bytes] = {}
"""The encoded labels of series by their text; declared label names are always classic."""


def _keep(text: str, pairs: bytes) -> bytes:
    if len(_known_labels) >= _MOST_LABELS:
        _known_labels.clear()
    _known_labels[text] = pairs
    return pairs


@lru_cache(maxsize=4096)
def _metric_key(length: int) -> bytes:
    """Return the bytes before a metric's message within its family."""
    return wire.key(4, wire.LENGTH) + wire.varint(length)


def _with_time(value: bytes, seconds: float | None) -> bytes:
    return value if seconds is None else value + wire.uint(6, round(seconds * 1000))


@lru_cache(maxsize=4096)
def _counter(value: float, created: float | None) -> bytes:
    """Return the field of a counter without an exemplar; cached, because many never change."""
    return wire.message(_TYPES["counter"][1], _counter_content(value, None, created))


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

"""The text formats: Prometheus' own, 0.0.4 and 1.0.0, and OpenMetrics 1.0.

Label texts are created with their series, and numbers are formatted many at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import Final

from vitalspan.exposition.families import (
    HistogramFamily,
    MetricFamily,
    ScalarFamily,
    SummaryFamily,
    Times,
)
from vitalspan.exposition.points import Labelled
from vitalspan.exposition.text_histogram import histogram_texts, with_details
from vitalspan.exposition.text_parts import braces, exemplar_text, native_text, number
from vitalspan.metrics import Family

_TEXTS: Final = 32
"""The number of texts to join at a time. Memory for more would be requested from the system and
returned each time, and its page faults cost more than the text."""


_CLASSIC_TYPES: Final = {
    "unknown": "untyped",
    "info": "gauge",
    "stateset": "gauge",
    "gaugehistogram": "histogram",
}
"""The type names that Prometheus' own format uses for types that it does not have."""


class TextFormat:
    """Writes families as text, without the closing line of OpenMetrics.

    Args:
        openmetrics: whether the format is OpenMetrics, rather than Prometheus' own.
        created: whether to add a `_created` sample to each point with a creation time.
        native: whether to add samples of native histograms, as in OpenMetrics 2.0.0.
    """

    def __init__(self, *, openmetrics: bool, created: bool = False, native: bool = False) -> None:
        self._openmetrics = openmetrics
        self._created = created
        self._native = native

    def write(self, families: Iterable[MetricFamily]) -> Iterator[bytes]:
        """Yield the text of families, in parts of any size."""
        for family in families:
            yield self._head(family.metadata)
            match family:
                case ScalarFamily():
                    yield from self._scalars(family)
                case SummaryFamily():
                    yield from self._summaries(family)
                case HistogramFamily():
                    yield from self._histograms(family)
            if self._created and family.created and not self._openmetrics:
                yield from self._created_family(family)

    def _scalars(self, family: ScalarFamily) -> Iterator[bytes]:
        if self._openmetrics and self._created and family.created:
            # The samples of a point have to be adjacent.
            lines = zip(self._detailed_lines(family), self._created_lines(family), strict=True)
            for line, created_line in lines:
                yield f"{line}{created_line}".encode()
        elif family.timestamps or (family.exemplars and self._openmetrics):
            yield "".join(self._detailed_lines(family)).encode()
        else:
            yield _lines(family.metadata.name, family.label_sets, family.values)

    def _summaries(self, family: SummaryFamily) -> Iterator[bytes]:
        name = family.metadata.name
        created = self._inline_created(family)
        for index, point in enumerate(family.points):
            labels, time = point.labels.text, self._time(family.timestamps, index)
            samples: list[tuple[str, str, float | None]] = [
                ("", f'quantile="{number(quantile)}"', value) for quantile, value in point.quantiles
            ]
            samples += [("_count", "", point.observations), ("_sum", "", point.total)]
            lines = [
                f"{name}{suffix}{braces(labels, more)} {number(value)}{time}\n"
                for suffix, more, value in samples
                if value is not None
            ]
            yield "".join((*lines, created[index])).encode()

    def _histograms(self, family: HistogramFamily) -> Iterator[bytes]:
        """Yield histograms; Prometheus's own format has the totals of gauges as families."""
        if not family.is_gauge:
            texts = self._histogram_texts(family, family.total_endings)
            created = self._inline_created(family)
            yield from _parts(chain.from_iterable(zip(texts, created, strict=True)))
        elif self._openmetrics:
            yield from _parts(self._histogram_texts(family, family.total_endings))
        else:
            yield from _parts(self._histogram_texts(family, None))
            yield from self._gauges_of(family)

    def _detailed_lines(self, family: ScalarFamily) -> Iterator[str]:
        name, exemplars = family.metadata.name, family.exemplars if self._openmetrics else ()
        for index, (labels, value) in enumerate(zip(family.label_sets, family.values, strict=True)):
            exemplar = exemplars[index] if exemplars else None
            end = exemplar_text(exemplar) if exemplar else ""
            time = self._time(family.timestamps, index)
            yield f"{name}{braces(labels.text)} {number(value)}{time}{end}\n"

    def _histogram_texts(
        self, family: HistogramFamily, suffixes: tuple[str, str] | None
    ) -> Iterator[str]:
        """Yield the lines of each histogram."""
        if not (self._openmetrics or family.timestamps):
            return histogram_texts(family.metadata.name, family.points, suffixes)
        return self._detailed_histograms(family, suffixes)

    def _detailed_histograms(
        self, family: HistogramFamily, suffixes: tuple[str, str] | None
    ) -> Iterator[str]:
        """Yield the lines of each histogram, with its exemplars and timestamp."""
        name, points = family.metadata.name, family.points
        shows_classic = family.classic or not self._native
        texts = histogram_texts(name, points, suffixes) if shows_classic else repeat("")
        for index, (point, text) in enumerate(zip(points, texts, strict=False)):
            native = self._native_line(family, index) if self._native else ""
            time = self._time(family.timestamps, index)
            exemplars = family.exemplars(point) if self._openmetrics and shows_classic else None
            if text and (exemplars or time):
                yield native + with_details(text, exemplars or {}, time)
            else:
                yield native + text

    def _native_line(self, family: HistogramFamily, index: int) -> str:
        point = family.points[index]
        native = family.native(point.histogram)
        if native is None:
            return ""
        # If there are classic buckets, they have the exemplars.
        exemplars = () if family.classic else family.exemplars(point).values()
        ends = "".join(exemplar_text(exemplar) for exemplar in (*native.exemplars, *exemplars))
        time = self._time(family.timestamps, index)
        name, labels = family.metadata.name, braces(point.text)
        return f"{name}{labels} {native_text(native)}{time}{ends}\n"

    def _gauges_of(self, family: HistogramFamily) -> Iterator[bytes]:
        """Yield the count and the sum of gauge histograms, as families of their own."""
        for ending in family.total_endings:
            metadata = family.metadata._replace(name=family.metadata.name + ending, type="gauge")
            yield self._head(metadata)
            for index, point in enumerate(family.points):
                histogram = point.histogram
                value = histogram.cumulative()[-1] if ending == "_gcount" else histogram.total
                if value is not None:
                    time = self._time(family.timestamps, index)
                    yield f"{metadata.name}{braces(point.text)} {number(value)}{time}\n".encode()

    def _inline_created(self, family: MetricFamily) -> list[str]:
        """Return the `_created` line of each point, for formats that have it among its samples."""
        if not (self._openmetrics and self._created and family.created):
            return [""] * len(family)
        return list(self._created_lines(family))

    def _created_family(self, family: MetricFamily) -> Iterator[bytes]:
        """Yield the `_created` samples as a gauge, which they are in Prometheus' own format."""
        name = f"{family.metadata.base_name}_created"
        yield self._head(family.metadata._replace(name=name, type="gauge"))
        yield "".join(self._created_lines(family)).encode()

    def _created_lines(self, family: MetricFamily) -> Iterator[str]:
        name = family.metadata.base_name
        for labels, begun in zip(family.label_sets, family.created, strict=True):
            if begun is None:
                yield ""
            else:
                yield f"{name}_created{braces(labels.text)} {number(begun)}\n"

    def _time(self, timestamps: Times, index: int) -> str:
        """Return the timestamp of a point: seconds in OpenMetrics, milliseconds otherwise."""
        seconds = timestamps[index] if timestamps else None
        if seconds is None:
            return ""
        return f" {seconds!r}" if self._openmetrics else f" {int(seconds * 1000)}"

    def _head(self, metadata: Family) -> bytes:
        """Return the lines before the samples of a family."""
        help_ = metadata.help.replace("\\", r"\\").replace("\n", r"\n")
        if self._openmetrics:
            name, kind = metadata.base_name, metadata.type
            help_ = help_.replace('"', r"\"")
            unit = f"# UNIT {name} {metadata.unit}\n" if metadata.unit else ""
        else:
            name, unit = metadata.name, ""
            kind = _CLASSIC_TYPES.get(metadata.type, metadata.type)
        return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n{unit}".encode()


def _parts(texts: Iterator[str]) -> Iterator[bytes]:
    """Yield texts joined in groups."""
    while part := list(islice(texts, _TEXTS)):
        yield "".join(part).encode()


def _lines(name: str, label_sets: Sequence[Labelled], values: Sequence[float]) -> bytes:
    texts = [labels.text for labels in label_sets]
    if not all(texts):
        lines = zip(texts, values, strict=True)
        return "".join(f"{name}{braces(text)} {number(value)}\n" for text, value in lines).encode()
    # Many values are equal, most often 0, so the text between two labels is cached.
    between = {value: f"}} {number(value)}\n{name}{{" for value in set(values)}
    after = map(between.__getitem__, values)
    body = "".join(chain.from_iterable(zip(texts, after, strict=True)))
    return f"{name}{{{body}".removesuffix(f"{name}{{").encode()

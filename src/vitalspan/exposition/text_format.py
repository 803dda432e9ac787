"""The text formats: Prometheus's own, 0.0.4 and 1.0.0, and OpenMetrics 1.0.

Texts of labels are made when a series is, and numbers are written many at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

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
    Times,
    UnknownFamily,
)
from vitalspan.exposition.points import BucketBoundaries, Exemplar, HistogramPoint, Labelled
from vitalspan.exposition.text_numbers import boundary_texts, native_text, number
from vitalspan.labels import label_text
from vitalspan.metrics import Family

_PREFIX: Final = "\0"
"""Stands in a template for what all buckets of a histogram begin with."""


class TextFormat(FamilyVisitor[Iterator[bytes]]):
    """Writes families as text, without the closing line of OpenMetrics.

    Args:
        openmetrics: whether the format is OpenMetrics, rather than Prometheus's own.
        created: whether there is a `_created` sample for each point that says when it began.
        native: whether there are samples of native histograms, as OpenMetrics 2.0.0 has them.
    """

    def __init__(self, *, openmetrics: bool, created: bool = False, native: bool = False) -> None:
        self._openmetrics = openmetrics
        self._created = created
        self._native = native

    def write(self, families: Iterable[MetricFamily]) -> Iterator[bytes]:
        """Yield the text of families, in parts of any size."""
        for family in families:
            yield from family.accept(self)

    def counter(self, family: CounterFamily, /) -> Iterator[bytes]:
        """Yield a counter; OpenMetrics has `_total` in the names of samples alone."""
        name = family.metadata.name
        bare_name = name.removesuffix("_total")
        yield self._head(family.metadata, bare_name, name)
        texts = [labels.text for labels in family.label_sets]
        if self._openmetrics and self._created and family.created:
            # The samples of a point stand together.
            created = self._created_lines(bare_name, texts, family.created)
            for line, created_line in zip(self._detailed_lines(name, family), created, strict=True):
                yield f"{line}{created_line}".encode()
            return
        yield from self._scalars(name, family)
        yield from self._created_family(family, bare_name, texts)

    def gauge(self, family: GaugeFamily, /) -> Iterator[bytes]:
        """Yield a gauge."""
        name = family.metadata.name
        yield self._head(family.metadata, name)
        yield from self._scalars(name, family)

    def unknown(self, family: UnknownFamily, /) -> Iterator[bytes]:
        """Yield values of unknown type, which Prometheus's own format calls untyped."""
        name = family.metadata.name
        yield self._head(family.metadata, name, classic_type="untyped")
        yield from self._scalars(name, family)

    def info(self, family: InfoFamily, /) -> Iterator[bytes]:
        """Yield information, which only OpenMetrics has a type for."""
        name = family.metadata.name
        yield self._head(family.metadata, name.removesuffix("_info"), name, "gauge")
        yield from self._scalars(name, family)

    def state_set(self, family: StateSetFamily, /) -> Iterator[bytes]:
        """Yield a state set, which only OpenMetrics has a type for."""
        name = family.metadata.name
        yield self._head(family.metadata, name, classic_type="gauge")
        yield from self._scalars(name, family)

    def summary(self, family: SummaryFamily, /) -> Iterator[bytes]:
        """Yield a summary."""
        name = family.metadata.name
        yield self._head(family.metadata, name)
        texts = [point.labels.text for point in family.points]
        created = self._inline_created(name, texts, family.created)
        for index, point in enumerate(family.points):
            labels, time = texts[index], self._time(family.timestamps, index)
            samples: list[tuple[str, str, float | None]] = [
                ("", f'quantile="{number(quantile)}"', value) for quantile, value in point.quantiles
            ]
            samples += [("_count", "", point.observations), ("_sum", "", point.total)]
            lines = [
                f"{name}{suffix}{_braces(labels, more)} {number(value)}{time}\n"
                for suffix, more, value in samples
                if value is not None
            ]
            yield "".join((*lines, created[index])).encode()
        yield from self._created_family(family, name, texts)

    def histogram(self, family: HistogramFamily, /) -> Iterator[bytes]:
        """Yield a histogram; OpenMetrics has its exemplars as well."""
        name = family.metadata.name
        yield self._head(family.metadata, name)
        texts = [point.text for point in family.points]
        created = self._inline_created(name, texts, family.created)
        for index, point in enumerate(family.points):
            yield from self._native_line(family, index)
            if family.classic or not self._native:
                text = _histogram(name, point, ("_count", "_sum"))
                yield self._with_details(family, index, text)
            yield created[index].encode()
        yield from self._created_family(family, name, texts)

    def gauge_histogram(self, family: GaugeHistogramFamily, /) -> Iterator[bytes]:
        """Yield a gauge histogram; Prometheus's own format has a histogram and two gauges."""
        name = family.metadata.name
        yield self._head(family.metadata, name, classic_type="histogram")
        suffixes = ("_gcount", "_gsum") if self._openmetrics else None
        for index, point in enumerate(family.points):
            yield from self._native_line(family, index)
            if family.classic or not self._native:
                yield self._with_details(family, index, _histogram(name, point, suffixes))
        if not self._openmetrics:
            yield from self._gauges_of(family)

    def _scalars(self, name: str, family: ScalarFamily) -> Iterator[bytes]:
        if family.timestamps or (family.exemplars and self._openmetrics):
            yield "".join(self._detailed_lines(name, family)).encode()
        else:
            yield _lines(name, family.label_sets, family.values)

    def _detailed_lines(self, name: str, family: ScalarFamily) -> Iterator[str]:
        exemplars = family.exemplars if self._openmetrics else ()
        for index, (labels, value) in enumerate(zip(family.label_sets, family.values, strict=True)):
            exemplar = exemplars[index] if exemplars else None
            end = _exemplar(exemplar) if exemplar else ""
            time = self._time(family.timestamps, index)
            yield f"{name}{_braces(labels.text)} {number(value)}{time}{end}\n"

    def _with_details(self, family: HistogramFamily, index: int, text: str) -> bytes:
        """Return the lines of a histogram with its exemplars and its time."""
        exemplars = family.exemplars(family.points[index]) if self._openmetrics else None
        time = self._time(family.timestamps, index)
        if exemplars or time:
            lines = [f"{line}{time}" if line else "" for line in text.split("\n")]
            for bucket, exemplar in (exemplars or {}).items():
                lines[bucket] += _exemplar(exemplar)
            text = "\n".join(lines)
        return text.encode()

    def _native_line(self, family: HistogramFamily, index: int) -> Iterator[bytes]:
        point = family.points[index]
        native = family.native(point.histogram.copy()) if self._native else None
        if native is not None:
            # With classic buckets these have the exemplars.
            exemplars = () if family.classic else family.exemplars(point).values()
            ends = "".join(_exemplar(exemplar) for exemplar in (*native.exemplars, *exemplars))
            time = self._time(family.timestamps, index)
            name, labels = family.metadata.name, _braces(point.text)
            yield f"{name}{labels} {native_text(native)}{time}{ends}\n".encode()

    def _gauges_of(self, family: GaugeHistogramFamily) -> Iterator[bytes]:
        """Yield what a gauge histogram has beside its buckets, in families of their own."""
        for suffix in ("_gcount", "_gsum"):
            metadata = family.metadata._replace(name=family.metadata.name + suffix, type="gauge")
            yield self._head(metadata, metadata.name)
            for index, point in enumerate(family.points):
                histogram = point.histogram
                value = histogram.cumulative()[-1] if suffix == "_gcount" else histogram.total
                if value is not None:
                    time = self._time(family.timestamps, index)
                    yield f"{metadata.name}{_braces(point.text)} {number(value)}{time}\n".encode()

    def _inline_created(self, name: str, texts: Sequence[str], created: Times) -> list[str]:
        """Return the `_created` line of each point, where it stands among the point's samples."""
        if not (self._openmetrics and self._created and created):
            return [""] * len(texts)
        return list(self._created_lines(name, texts, created))

    def _created_family(
        self, family: MetricFamily, name: str, texts: Sequence[str]
    ) -> Iterator[bytes]:
        """Yield the `_created` samples as a gauge, which they are in Prometheus's own format."""
        if self._openmetrics or not self._created or not family.created:
            return
        metadata = family.metadata._replace(name=f"{name}_created", type="gauge")
        yield self._head(metadata, metadata.name)
        yield "".join(self._created_lines(name, texts, family.created)).encode()

    def _created_lines(self, name: str, texts: Sequence[str], created: Times) -> Iterator[str]:
        for text, begun in zip(texts, created, strict=True):
            if begun is None:
                yield ""
            else:
                yield f"{name}_created{_braces(text)} {number(begun)}\n"

    def _time(self, timestamps: Times, index: int) -> str:
        """Return the time of a point: seconds in OpenMetrics, milliseconds otherwise."""
        seconds = timestamps[index] if timestamps else None
        if seconds is None:
            return ""
        return f" {seconds!r}" if self._openmetrics else f" {int(seconds * 1000)}"

    def _head(
        self,
        metadata: Family,
        openmetrics_name: str,
        classic_name: str = "",
        classic_type: str = "",
    ) -> bytes:
        if self._openmetrics:
            name, kind = openmetrics_name, metadata.type
            unit = f"# UNIT {name} {metadata.unit}\n" if metadata.unit else ""
        else:
            name, kind = classic_name or openmetrics_name, classic_type or metadata.type
            unit = ""
        help_ = metadata.help.replace("\\", r"\\").replace("\n", r"\n")
        if self._openmetrics:
            help_ = help_.replace('"', r"\"")
        return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n{unit}".encode()


def _lines(name: str, label_sets: Sequence[Labelled], values: Sequence[float]) -> bytes:
    texts = [labels.text for labels in label_sets]
    if not all(texts):
        lines = zip(texts, values, strict=True)
        return "".join(f"{name}{_braces(text)} {number(value)}\n" for text, value in lines).encode()
    # Many values are the same, 0 above all, and what comes between two labels is made once.
    between = {value: f"}} {number(value)}\n{name}{{" for value in set(values)}
    after = map(between.__getitem__, values)
    body = "".join(chain.from_iterable(zip(texts, after, strict=True)))
    return f"{name}{{{body}".removesuffix(f"{name}{{").encode()


def _braces(*labels: str) -> str:
    text = ",".join(filter(None, labels))
    return f"{{{text}}}" if text else ""


def _histogram(name: str, point: HistogramPoint, suffixes: tuple[str, str] | None) -> str:
    """Return the lines of a histogram, those of its count and sum if they have suffixes."""
    labels, histogram = point.text, point.histogram
    prefix = f"{name}_bucket{{{labels}," if labels else f"{name}_bucket{{"
    counts, total = histogram.cumulative(), histogram.total
    # What is named is put in last: it may contain a percent sign.
    buckets = (_template(histogram.grid) % counts).replace(_PREFIX, prefix)
    if suffixes is None:
        return buckets
    braces = _braces(labels)
    of_count, of_sum = suffixes
    count_line = f"{name}{of_count}{braces} {counts[-1]}\n"
    return (
        buckets
        + count_line
        + ("" if total is None else f"{name}{of_sum}{braces} {number(total)}\n")
    )


@lru_cache(maxsize=64)
def _template(grid: BucketBoundaries) -> str:
    return "".join(f'{_PREFIX}le="{bound}"}} %s\n' for bound in boundary_texts(grid))


def _exemplar(exemplar: Exemplar) -> str:
    labels = label_text(tuple(sorted(exemplar.labels.items())))
    time = "" if exemplar.timestamp is None else f" {exemplar.timestamp:.3f}"
    return f" # {{{labels}}} {number(exemplar.value)}{time}"

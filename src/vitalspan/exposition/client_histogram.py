"""Histograms and exemplars from samples of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from prometheus_client.core import Sample

from vitalspan.exposition.native_histogram import BucketSpans, NativeHistogram
from vitalspan.exposition.points import Exemplar, LabelSet
from vitalspan.labels import Labels


class Boundaries(NamedTuple):
    """The upper bounds of buckets, increasing, without `+Inf`."""

    boundaries: tuple[float, ...]


@lru_cache(maxsize=64)
def _boundaries(bounds: tuple[float, ...]) -> Boundaries:
    return Boundaries(bounds)


class ClientHistogram(LabelSet):
    """A histogram made of the samples of one point.

    Args:
        labels: the labels of the point.
        buckets: the upper bounds and their samples, increasing.
        count: the sample of the count; None without one.
        total: the sample of the sum; None without one.
        native: the native histogram; None without one.

    Attributes:
        grid: the buckets.
        total: the sum of the observations; None without such a sample.
        count: the number of observations; None without such a sample.
        native: the native histogram, if there is one.
        exemplars: the exemplars by the index of their bucket.
    """

    __slots__ = ("_cumulative", "count", "exemplars", "grid", "native", "total")

    def __init__(
        self,
        labels: Labels,
        buckets: Iterable[tuple[float, Sample]],
        count: float | None,
        total: float | None,
        native: NativeHistogram | None,
    ) -> None:
        super().__init__(labels)
        by_bound = dict(buckets)
        counts = [_whole(sample.value) for sample in by_bound.values()]
        bounds = list(by_bound)
        if bounds and bounds[-1] == float("inf"):
            bounds.pop()
        else:
            observations = count if native is None or count is not None else native.count
            highest = counts[-1] if counts else 0
            counts.append(highest if observations is None else _whole(observations))
        self.grid = _boundaries(tuple(bounds))
        self._cumulative = tuple(counts)
        self.count = count if count is None else _whole(count)
        self.total = native.total if native and total is None else total
        self.native = native
        self.exemplars = {
            index: exemplar
            for index, sample in enumerate(by_bound.values())
            if (exemplar := exemplar_of(sample.exemplar))
        }

    @property
    def histogram(self) -> ClientHistogram:
        """The histogram itself, as `HistogramPoint` requires."""
        return self

    def cumulative(self) -> tuple[float, ...]:
        """Return the number of observations up to each boundary; the last one is their total."""
        return self._cumulative


def native_of(sample: Sample) -> NativeHistogram | None:
    """Return the native histogram of a sample; None if it has none."""
    # In older releases of prometheus_client, samples do not have the attribute.
    native: Any = getattr(sample, "native_histogram", None)
    if native is None:
        return None
    exemplars = (exemplar_of(exemplar) for exemplar in native.nh_exemplars or ())
    count, zero_count = _whole(native.count_value), _whole(native.zero_count)
    positive = _spans(native.pos_spans, native.pos_deltas)
    negative = _spans(native.neg_spans, native.neg_deltas)
    counts = (count, zero_count, *positive.deltas, *negative.deltas)
    return NativeHistogram(
        count,
        float(native.sum_value),
        native.schema,
        native.zero_threshold,
        zero_count,
        positive,
        negative,
        tuple(exemplar for exemplar in exemplars if exemplar),
        whole=all(isinstance(one, int) for one in counts),
    )


def _spans(spans: Iterable[Any] | None, deltas: Iterable[float] | None) -> BucketSpans:
    return BucketSpans(
        tuple((span[0], span[1]) for span in spans or ()), tuple(map(_whole, deltas or ()))
    )


def seconds_of(timestamp: Any) -> float | None:
    """Return a timestamp of prometheus_client in seconds since the epoch; None if there is none."""
    return None if timestamp is None else float(timestamp)


def exemplar_of(exemplar: Any) -> Exemplar | None:
    """Return an exemplar from prometheus_client's; None if there is none."""
    if exemplar is None:
        return None
    return Exemplar(exemplar.labels, float(exemplar.value), seconds_of(exemplar.timestamp))


def _whole(value: float) -> float:
    """Return a count as an integer if it is one."""
    value = float(value)
    return int(value) if value.is_integer() else value

"""Functions of classic histograms: quantiles and fractions of their buckets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from vitalspan.promql.engine.aggregation import check_quantile
from vitalspan.promql.engine.arithmetic import format_number
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.functions.classic_buckets import (
    Buckets,
    bucket_fraction,
    bucket_quantile,
    quantile_of,
)
from vitalspan.promql.engine.functions.native_buckets import native_fraction, native_quantile
from vitalspan.promql.engine.functions.sum_of_rates import Columns, SumOfRates
from vitalspan.promql.engine.metric_labels import MAX_CACHED, MetricLabels
from vitalspan.promql.engine.plan import (
    FloatVector,
    HistogramVector,
    NameDropping,
    ScalarNode,
    Vector,
    VectorNode,
    check_unique,
    histograms_of,
    numbers_of,
)

_UPPER_BOUND = itemgetter(0)


class HistogramGroups:
    """Groups the buckets of a vector by histogram; the meaning of label sets is cached."""

    def __init__(self) -> None:
        self._meanings: dict[MetricLabels, tuple[MetricLabels, float | None]] = {}

    def collect(
        self, vector: Vector, context: EvaluationContext
    ) -> tuple[dict[MetricLabels, Buckets], HistogramVector]:
        """Return the buckets of each classic histogram, and the native histograms.

        Invalid labels and mixed histograms result in warnings; the latter are left out.
        """
        classic = self._classic(numbers_of(vector, context), context)
        natives = []
        for labels, histogram in histograms_of(vector, context):
            if labels in classic:
                context.annotations.warn(
                    f"vector contains a mix of classic and native histograms{labels.of_metric}"
                )
                del classic[labels]
            else:
                natives.append((labels, histogram))
        return classic, natives

    def _classic(
        self, vector: FloatVector, context: EvaluationContext
    ) -> dict[MetricLabels, Buckets]:
        histograms: dict[MetricLabels, Buckets] = {}
        meanings = self._meanings
        for labels, count in vector:
            meaning = meanings.get(labels)
            if meaning is None:
                if len(meanings) >= MAX_CACHED:
                    meanings.clear()
                meaning = meanings[labels] = _meaning(labels)
            histogram, bound = meaning
            if bound is None:
                context.annotations.warn(_bad_bound(labels))
                continue
            buckets = histograms.get(histogram)
            if buckets is None:
                histograms[histogram] = [(bound, count)]
            else:
                buckets.append((bound, count))
        for buckets in histograms.values():
            buckets.sort(key=_UPPER_BOUND)
        return histograms


def _meaning(labels: MetricLabels) -> tuple[MetricLabels, float | None]:
    """Return the labels of a bucket's histogram, and its upper bound if it has one."""
    pairs = labels.without(("le",))
    histogram = pairs.dropped if labels.drops_name else pairs
    text = labels.get("le")
    try:
        # Python accepts underscores in digits and spaces around them, Go does not.
        bound = None if "_" in text or text != text.strip() else float(text)
    except ValueError:
        bound = None
    return histogram, bound


def _bad_bound(labels: MetricLabels) -> str:
    text = labels.get("le")
    return f'bucket label "le" is missing or has a malformed value of "{text}"{labels.of_metric}'


@dataclass(eq=False)
class HistogramQuantile(VectorNode):
    """A quantile of each histogram."""

    q: ScalarNode
    vector: VectorNode
    names: NameDropping

    def __post_init__(self) -> None:
        self._groups = HistogramGroups()
        self._shapes = HistogramShapes()

    def evaluate(self, context: EvaluationContext) -> Vector:
        q, drop = self.q.evaluate(context), self.names.drop
        check_quantile(q, context)
        if isinstance(self.vector, SumOfRates):
            columns = self.vector.columns(context)
            if columns is not None:
                return self._of_columns(q, columns, context)
        classic, natives = self._groups.collect(self.vector.evaluate(context), context)
        result = [
            (drop(labels), bucket_quantile(q, buckets, context, labels))
            for labels, buckets in classic.items()
        ]
        result += [
            (drop(labels), native_quantile(q, histogram, context, labels))
            for labels, histogram in natives
        ]
        return self.names.check(result)

    def _of_columns(self, q: float, columns: Columns, context: EvaluationContext) -> Vector:
        drop = self.names.drop
        labels, values = columns
        result = []
        for histogram, bounds, places in self._shapes.of(labels, context):
            counts = [values[place] for place in places]
            result.append((drop(histogram), quantile_of(q, bounds, counts, context, histogram)))
        return self.names.check(result)


_Shape = tuple[MetricLabels, list[float], list[int]]
"""The labels of a histogram, its upper bounds, and the positions of its counts."""


class HistogramShapes:
    """The shapes of histograms by the labels of buckets, cached while these do not change."""

    def __init__(self) -> None:
        self._labels: Sequence[MetricLabels] = ()
        self._shapes: list[_Shape] = []

    def of(self, labels: Sequence[MetricLabels], context: EvaluationContext) -> list[_Shape]:
        """Return the shapes of the histograms whose buckets have these labels."""
        if labels is self._labels:
            return self._shapes
        places: dict[MetricLabels, list[tuple[float, int]]] = {}
        complete = True
        for place, one in enumerate(labels):
            histogram, bound = _meaning(one)
            if bound is None:
                complete = False
                context.annotations.warn(_bad_bound(one))
            else:
                places.setdefault(histogram, []).append((bound, place))
        shapes = []
        for histogram, buckets in places.items():
            buckets.sort()
            bounds = [bound for bound, _ in buckets]
            shapes.append((histogram, bounds, [place for _, place in buckets]))
        if complete:
            self._labels, self._shapes = labels, shapes
        return shapes


@dataclass(eq=False)
class HistogramQuantiles(VectorNode):
    """Several quantiles of each histogram, distinguished by a label."""

    vector: VectorNode
    label: str
    quantiles: Sequence[ScalarNode]
    names: NameDropping

    def __post_init__(self) -> None:
        self._groups = HistogramGroups()

    def evaluate(self, context: EvaluationContext) -> Vector:
        quantiles = [quantile.evaluate(context) for quantile in self.quantiles]
        for q in quantiles:
            check_quantile(q, context)
        classic, natives = self._groups.collect(self.vector.evaluate(context), context)
        drop = self.names.drop
        result = []
        for q in quantiles:
            label = {self.label: _quantile_label(q)}
            result += [
                (drop(labels.updated(label)), bucket_quantile(q, list(buckets), context, labels))
                for labels, buckets in classic.items()
            ]
            result += [
                (drop(labels.updated(label)), native_quantile(q, histogram, context, labels))
                for labels, histogram in natives
            ]
        check_unique(result)
        return result


def _quantile_label(q: float) -> str:
    """Return a number in OpenMetrics' format, with a decimal point."""
    text = repr(q) if math.isfinite(q) else format_number(q)
    return text if any(mark in text for mark in ".eN") or math.isinf(q) else f"{text}.0"


@dataclass(eq=False)
class HistogramFraction(VectorNode):
    """The ratio of each histogram's observations between two numbers."""

    bounds: Sequence[ScalarNode]
    vector: VectorNode
    names: NameDropping

    def __post_init__(self) -> None:
        self._groups = HistogramGroups()

    def evaluate(self, context: EvaluationContext) -> Vector:
        lower, upper = (bound.evaluate(context) for bound in self.bounds)
        classic, natives = self._groups.collect(self.vector.evaluate(context), context)
        drop = self.names.drop
        result = [
            (drop(labels), bucket_fraction(lower, upper, buckets))
            for labels, buckets in classic.items()
        ]
        result += [
            (drop(labels), native_fraction(lower, upper, histogram, context, labels))
            for labels, histogram in natives
        ]
        return self.names.check(result)

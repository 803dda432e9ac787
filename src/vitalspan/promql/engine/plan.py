"""The nodes of a plan, by the type of their results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

from vitalspan.promql.engine.evaluation_context import EvaluationContext, EvaluationError
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.histogram_arithmetic import scaled
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.packed_counts import unpacked
from vitalspan.promql.engine.series import Demand, Series, Value, Window

Vector = Sequence[tuple[MetricLabels, Value]]
"""An instant vector: labels with values, which are numbers or native histograms."""

FloatVector = Sequence[tuple[MetricLabels, float]]
"""An instant vector of numbers."""

HistogramVector = Sequence[tuple[MetricLabels, FloatHistogram]]
"""An instant vector of native histograms."""

Matrix = list[Window]
"""A range vector."""

AnyVector = TypeVar("AnyVector", Vector, FloatVector, HistogramVector)

SAME_LABELS = "vector cannot contain metrics with the same labelset"


class ScalarNode(ABC):
    """Evaluates to one number."""

    @abstractmethod
    def evaluate(self, context: EvaluationContext) -> float:
        """Return the number at the context's step."""


class VectorNode(ABC):
    """Evaluates to an instant vector."""

    @abstractmethod
    def evaluate(self, context: EvaluationContext) -> Vector:
        """Return the vector at the context's step."""

    def numbers(self, context: EvaluationContext) -> FloatVector:
        """Return the elements of the vector that are numbers."""
        return numbers_of(self.evaluate(context), context)


def numbers_of(vector: Vector, context: EvaluationContext) -> FloatVector:
    """Return the elements of a vector that are numbers."""
    if not context.has_histograms:
        return cast("FloatVector", vector)
    return [(labels, value) for labels, value in vector if isinstance(value, float)]


def histograms_of(vector: Vector, context: EvaluationContext) -> HistogramVector:
    """Return the elements of a vector that are native histograms."""
    if not context.has_histograms:
        return ()
    return [(labels, value) for labels, value in vector if isinstance(value, FloatHistogram)]


class MatrixNode(ABC):
    """Evaluates to a range vector.

    Attributes:
        range: the length in milliseconds.
    """

    range: int

    @abstractmethod
    def evaluate(self, context: EvaluationContext) -> Matrix:
        """Return the windows of all series that have samples in the range."""

    @abstractmethod
    def end(self, context: EvaluationContext) -> int:
        """Return the end of the range, in milliseconds since the epoch."""


@dataclass(frozen=True)
class TextNode:
    """A string."""

    text: str


Node = ScalarNode | VectorNode | MatrixNode | TextNode


class NameDropping:
    """How an operation drops the name of a metric whose values it changes.

    Args:
        delayed: whether names are dropped at the end of the evaluation, as in Prometheus with the
            feature `promql-delayed-name-removal`, rather than at once.
    """

    def __init__(self, *, delayed: bool = False) -> None:
        self.delayed = delayed

    def drop(self, labels: MetricLabels) -> MetricLabels:
        """Return the labels of a changed value."""
        return labels.dropped if self.delayed else labels.unnamed

    def check(self, vector: AnyVector) -> AnyVector:
        """Return a vector whose names were dropped, after checking it.

        Raises:
            EvaluationError: if two of its elements now have the same labels.
        """
        if not self.delayed:
            check_unique(vector)
        return vector


def check_unique(vector: Vector) -> None:
    """Check that no two elements of a vector have the same labels.

    Raises:
        EvaluationError: if some have.
    """
    if len({labels for labels, _ in vector}) < len(vector):
        raise EvaluationError(SAME_LABELS)


@dataclass(frozen=True)
class TimeShift:
    """The `offset` and the `@` of a selector or a subquery.

    Attributes:
        offset: the offset in milliseconds.
        at: a fixed time in milliseconds since the epoch, or the start or end of the evaluation;
            None is the time of the step.
    """

    offset: int = 0
    at: int | Literal["start", "end"] | None = None

    def time(self, context: EvaluationContext) -> int:
        """Return the time to read at, in milliseconds since the epoch."""
        if self.at is None:
            return context.now - self.offset
        if self.at == "start":
            return context.start - self.offset
        return (context.end if self.at == "end" else self.at) - self.offset


@dataclass(eq=False)
class NumberLiteral(ScalarNode):
    """A number."""

    value: float

    def evaluate(self, context: EvaluationContext) -> float:
        return self.value


@dataclass(eq=False)
class InstantSelector(VectorNode):
    """The latest samples of the selected series."""

    demand: Demand
    shift: TimeShift

    def evaluate(self, context: EvaluationContext) -> Vector:
        at, lookback = self.shift.time(context), context.lookback
        vector: list[tuple[MetricLabels, Value]] = []
        for series in context.source.select(self.demand):
            sample = series.latest(at, lookback)
            if sample is not None:
                value = sample[1]
                if value.__class__ is FloatHistogram:
                    context.has_histograms = True
                    value = unpacked(value)
                vector.append((series.labels, value))
        return vector

    def times(self, context: EvaluationContext) -> FloatVector:
        """Return the times of the samples, in seconds since the epoch."""
        at, lookback = self.shift.time(context), context.lookback
        samples = (
            (series.labels, series.latest(at, lookback))
            for series in context.source.select(self.demand)
        )
        return [(labels, sample[0] / 1000) for labels, sample in samples if sample is not None]


class RangeSelector(MatrixNode):
    """The samples of the selected series within a range."""

    def __init__(self, demand: Demand, shift: TimeShift) -> None:
        self.demand = demand
        self.shift = shift
        self.range = demand.range

    def series(self, context: EvaluationContext) -> Sequence[Series]:
        """Return the selected series."""
        return context.source.select(self.demand)

    def end(self, context: EvaluationContext) -> int:
        return self.shift.time(context)

    def evaluate(self, context: EvaluationContext) -> Matrix:
        end = self.end(context)
        windows = (series.window(end - self.range, end) for series in self.series(context))
        matrix = [window for window in windows if window is not None]
        if any(window.histograms for window in matrix):
            context.has_histograms = True
        return matrix

    @property
    def one_name(self) -> bool:
        """True if all series have the same name, so that they stay distinct without it."""
        return bool(self.demand.selector.name)


@dataclass(eq=False)
class Negation(VectorNode):
    """A vector with negated values."""

    vector: VectorNode
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        drop = self.names.drop
        vector = self.vector.evaluate(context)
        numbers = [(drop(labels), -value) for labels, value in numbers_of(vector, context)]
        natives = histograms_of(vector, context)
        negated = [(drop(labels), scaled(histogram, -1.0)) for labels, histogram in natives]
        return self.names.check([*numbers, *negated] if negated else numbers)


@dataclass(eq=False)
class ScalarNegation(ScalarNode):
    """A negated number."""

    scalar: ScalarNode

    def evaluate(self, context: EvaluationContext) -> float:
        return -self.scalar.evaluate(context)

"""Selections: the series of a query, and the rates and sums that all signals use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vitalspan.metrics import NATIVE_PARTS
from vitalspan.promql.context import DEFAULT_CONTEXT, Growth, PromqlContext
from vitalspan.promql.expression import Aggregation, Expression, VectorSelector, call
from vitalspan.promql.matchers import Matcher
from vitalspan.units import range_text


@dataclass(frozen=True)
class Selection:
    """The selection of series for a signal's PromQL, and the labels to keep.

    Attributes:
        where: matchers of labels.
        window: seconds to look back.
        by: the labels to keep, in addition to `job`.
        worst: how to combine instances if sums make no sense: `max` or `min`.
        offset: the offset in seconds.
        span: the text of the window if it is a variable.
        growth: whether counters are rates, or increases over the window.
        context: the settings shared with all other expressions.
    """

    where: tuple[Matcher, ...] = ()
    window: float = 300.0
    by: tuple[str, ...] = ()
    worst: str = "max"
    offset: float = 0.0
    span: str = ""
    growth: Growth = "rate"
    context: PromqlContext = DEFAULT_CONTEXT

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of an expression over all instances."""
        own = ("job", "instance") if self.context.per_instance else ("job",)
        return (*own, *(label for label in self.by if label not in own))

    def series(self, metric: str, *matchers: Matcher, over: str = "") -> VectorSelector:
        """Return the series of a metric.

        Args:
            metric: the name without the prefix.
            *matchers: further matchers.
            over: the range of a range vector in PromQL's syntax.
        """
        return self._selector(self.context.name(metric), matchers, over)

    def recording(self, name: str, *matchers: Matcher) -> VectorSelector:
        """Return the recorded series of a name."""
        return self._selector(name, matchers)

    def rate(self, metric: str, *matchers: Matcher) -> Expression:
        """Return the rate of a counter over the window, or its increase, series by series.

        If the context says so, counts and sums of durations come from the native histogram of each
        series that has one.
        """
        name, growth = self.context.name(metric), self.growth
        recorded = None if self.span else self.context.recorded.rate(name, self.window, growth)
        if recorded is not None:
            return self.recording(recorded, *matchers)
        over = self.span or range_text(self.window)
        classic = call(growth, self.series(metric, *matchers, over=over))
        if not self.context.native_histograms or metric not in NATIVE_PARTS:
            return classic
        family, function = NATIVE_PARTS[metric]
        native = call(function, call(growth, self.series(family, *matchers, over=over)))
        return native.or_(classic)

    def verbatim(self) -> Selection:
        """Return the selection for metrics whose names already have their prefix."""
        return replace(self, context=replace(self.context, prefix=""))

    def total(self, vector: Expression, *more_labels: str, how: str = "sum") -> Expression:
        """Return a vector that is summed, or otherwise aggregated, to the labels to keep."""
        return Aggregation(how, (*self.labels, *more_labels), vector)

    def sum_rate(self, metric: str, *matchers: Matcher) -> Expression:
        """Return the summed rate of a counter, or its increase."""
        return self.total(self.rate(metric, *matchers))

    def slo_ratio(self, part: str, whole: str, slo: str) -> Expression:
        """Return an SLO's ratio of two rates, and nothing while there is none."""
        this = Matcher("slo", "=", slo)
        name = self.context.name
        recorded = self.context.recorded.ratio(name(part), name(whole), self.window, slo)
        if recorded is not None:
            # A sum of ratios would make no sense; there is one for each job or instance.
            return self.total(self.recording(recorded, this), how="max")
        return self.sum_rate(part, this) / (self.sum_rate(whole, this) > 0)

    def each_instance(self, build: Callable[[Selection], Expression]) -> Expression:
        """Return the worst instance of an expression that is built per instance."""
        if self.context.per_instance:
            return build(self)
        # Recorded series have no instances any more.
        apart = replace(self, context=self.context.unrecorded(per_instance=True))
        return self.total(build(apart), how=self.worst)

    def _selector(self, name: str, matchers: tuple[Matcher, ...], over: str = "") -> VectorSelector:
        return VectorSelector(name, (*self.where, *matchers), over, self.offset)


def sum_rate_of(metric: str) -> Callable[[Selection, object], Expression]:
    """Return the PromQL of a signal that is the rate of a counter."""
    return lambda selection, _: selection.sum_rate(metric)


def total_of(metric: str, how: str = "sum") -> Callable[[Selection, object], Expression]:
    """Return the PromQL of a signal that is a gauge, added up or otherwise aggregated."""
    return lambda selection, _: selection.total(selection.series(metric), how=how)


def worst_of(
    build: Callable[[Selection], Expression],
) -> Callable[[Selection, object], Expression]:
    """Return the PromQL of a signal that is that of the worst instance; see `each_instance`."""
    return lambda selection, _: selection.each_instance(build)


def quotient_of(above: str, below: str) -> Callable[[Selection, object], Expression]:
    """Return the PromQL of a signal that is the quotient of two rates."""
    return lambda selection, _: selection.sum_rate(above) / (selection.sum_rate(below) > 0)

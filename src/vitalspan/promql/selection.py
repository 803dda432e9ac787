"""Selections: the series of a query, and the rates and sums that all signals make of them."""

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
    """The series that a signal's PromQL is made of, and what keeps them apart.

    Attributes:
        where: conditions on labels.
        window: seconds to look back.
        by: labels that stay. `job` always does.
        worst: how instances become one where adding them up means nothing: `max` or `min`.
        offset: seconds to go back in time.
        span: the text of the window where a variable stands for it.
        growth: whether counters count as rates, or as what they have grown by in the window.
        context: what it shares with all others.
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
        """The labels that an expression over all instances has."""
        own = ("job", "instance") if self.context.per_instance else ("job",)
        return (*own, *(label for label in self.by if label not in own))

    def series(self, metric: str, *matchers: Matcher, over: str = "") -> VectorSelector:
        """Return the series of a metric.

        Args:
            metric: without the prefix.
            *matchers: further conditions on labels.
            over: the range of a range vector, as PromQL writes it.
        """
        return self._selector(self.context.name(metric), matchers, over)

    def recording(self, name: str, *matchers: Matcher) -> VectorSelector:
        """Return recorded series of a name."""
        return self._selector(name, matchers)

    def rate(self, metric: str, *matchers: Matcher) -> Expression:
        """Return the rate of a counter over the window, or its increase, series by series.

        A count or sum of durations is taken from the native histogram of each series that has one,
        if the context says so.
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
        """Return the selection of metrics whose names have their prefix already."""
        return replace(self, context=replace(self.context, prefix=""))

    def total(self, vector: Expression, *more_labels: str, how: str = "sum") -> Expression:
        """Return a vector added up, or otherwise aggregated, to the labels that stay."""
        return Aggregation(how, (*self.labels, *more_labels), vector)

    def sum_rate(self, metric: str, *matchers: Matcher) -> Expression:
        """Return the rate of a counter, or its increase, added up."""
        return self.total(self.rate(metric, *matchers))

    def slo_ratio(self, part: str, whole: str, slo: str) -> Expression:
        """Return an SLO's rate of one counter over that of another, nothing while there is none."""
        this = Matcher("slo", "=", slo)
        name = self.context.name
        recorded = self.context.recorded.ratio(name(part), name(whole), self.window, slo)
        if recorded is not None:
            # Adding ratios up would mean nothing; there is one for each job or instance.
            return self.total(self.recording(recorded, this), how="max")
        return self.sum_rate(part, this) / (self.sum_rate(whole, this) > 0)

    def each_instance(self, build: Callable[[Selection], Expression]) -> Expression:
        """Return the worst instance of what `build` makes for each one."""
        if self.context.per_instance:
            return build(self)
        # What is recorded knows instances no more.
        apart = replace(self, context=self.context.unrecorded(per_instance=True))
        return self.total(build(apart), how=self.worst)

    def _selector(self, name: str, matchers: tuple[Matcher, ...], over: str = "") -> VectorSelector:
        return VectorSelector(name, (*self.where, *matchers), over, self.offset)


def sum_rate_of(metric: str) -> Callable[[Selection, object], Expression]:
    """Return the PromQL of a signal that is the rate of a counter."""
    return lambda selection, _: selection.sum_rate(metric)


def quotient_of(above: str, below: str) -> Callable[[Selection, object], Expression]:
    """Return the PromQL of a signal that is the rate of one counter over that of another."""
    return lambda selection, _: selection.sum_rate(above) / (selection.sum_rate(below) > 0)

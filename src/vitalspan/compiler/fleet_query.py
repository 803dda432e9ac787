"""Queries over a fleet in PromQL: the signal, and what is derived from it over time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from vitalspan.metrics import DURATION_COUNT, is_counter
from vitalspan.promql.context import Growth, PromqlContext
from vitalspan.promql.expression import (
    Expression,
    Subquery,
    VectorSelector,
    all_of,
    any_of,
    binary,
    call,
)
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.selection import Selection
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.derivations import (
    DAY,
    MAD_TO_DEVIATION,
    MAX_VALUES,
    MIN_TRAINING,
    SEASON_WIDTH,
    TRAINED,
)
from vitalspan.signals.query import Derivation, Query
from vitalspan.signals.signal import Signal
from vitalspan.units import range_text

STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
"""Seconds between two values, of those that people know."""

_BEFORE: Final = 0.1
"""The share of a window before it in which a sample shows that there is history of all of it."""

_POINTS: Final = 180
"""Values that a line is drawn through, or that a median is of, at most."""

_POINTS_OF_DAYS: Final = 2 * MAX_VALUES
"""The same where of all values only those of one time of day count."""


class Derived(NamedTuple):
    """PromQL of a derived value.

    Attributes:
        value: where it has samples.
        guards: what else must have samples for the value to count.
        otherwise: what counts where `value` has no samples; None for nothing.
    """

    value: Expression
    guards: tuple[Expression, ...] = ()
    otherwise: Expression | None = None


@dataclass(frozen=True)
class FleetQuery:
    """A query, and the series that it is about.

    Attributes:
        query: that is compiled.
        selection: of its series.
    """

    query: Query
    selection: Selection

    @classmethod
    def of(cls, query: Query, context: PromqlContext, *, worst: str) -> FleetQuery:
        """Return a query in a context.

        Args:
            query: that is compiled.
            context: of the export.
            worst: how instances become one where adding them up means nothing: `max` or `min`.
        """
        growth: Growth = "increase" if query.increase else "rate"
        selection = Selection(
            query.where, query.window, query.by, worst, growth=growth, context=context
        )
        return cls(query, selection.verbatim() if signal_of(query).own_metric else selection)

    @property
    def signal(self) -> Signal:
        """The signal of the query."""
        return signal_of(self.query)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that values have."""
        return self.selection.labels if self.signal.groups else ()

    def value(self) -> Expression:
        """Return the value that is asked for, NaN or nothing where there is no data."""
        if self.query.derive is None:
            return self._long() if self.query.short is None else self.known()
        value, guards, otherwise = self.derived(self.query.derive)
        return all_of(value if otherwise is None else any_of(value, otherwise), *guards)

    def windows(self) -> tuple[Expression, ...]:
        """Return the signal itself, over each of its windows."""
        short = self.query.short
        return (self._long(),) if short is None else (self._long(), self._value(window=short))

    def known(self, offset: float = 0.0) -> Expression:
        """Return the signal itself, some seconds ago, nothing where there is no data."""
        long = self._long(offset)
        if self.query.short is not None:
            short = self._value(offset, self.query.short)
            return any_of(long <= short, short < long)
        # Functions over time would pass NaN on.
        return long >= 0 if self.signal.nan_when_empty else long

    def derived(self, derivation: Derivation) -> Derived:
        """Return what is made of the signal's values over time."""
        now, over, step = self.known(), derivation.over, self.selection.context.step
        if derivation.kind == "change":
            return Derived(self._change(now, self.known(over)))
        if derivation.kind == "anomaly":
            return self._anomaly(derivation)
        values = _values(now, over, line_step(over, step))
        slope = call("deriv", values)
        line: dict[str, Expression] = {
            "slope": slope * 3600,
            "forecast": call("predict_linear", values, derivation.horizon),
            "until": (derivation.limit - call("predict_linear", values, 0)) / slope.compare("!=", 0)
            >= 0,
        }
        # A line goes on where the values have ended.
        return Derived(line[derivation.kind], (now,))

    def samples(self) -> Expression | None:
        """Return how many samples the signal is made of; None where it is always one."""
        signal, selection = self.signal, self.selection
        if not signal.counted:
            return None
        rate = selection.sum_rate(signal.counted, *self._slo())
        if signal.uncounted:
            rate = rate - selection.sum_rate(signal.uncounted)
        return rate if self.query.increase else rate * self.query.window

    def bad_events(self) -> Expression | None:
        """Return how many bad events the signal is made of; None where no number is asked for."""
        if not self.query.min_bad:
            return None
        rate = self.selection.sum_rate(self.signal.counted_bad, *self._slo())
        # Prometheus extrapolates: of two events it makes a little more, or less by rounding.
        return call("round", rate * self.query.window)

    @property
    def metric(self) -> str:
        """The metric that is there whether there is data or not."""
        return self.signal.counted or next(iter(self.signal.metrics), DURATION_COUNT)

    def lasting(self) -> bool:
        """Return whether the series of `metric` last as long as their process does."""
        return is_counter(self.metric)

    def series(self, over: str = "") -> VectorSelector:
        """Return the series of `metric` that the query is about.

        Args:
            over: the range of a range vector, as PromQL writes it.
        """
        return self.selection.series(self.metric, *self._slo(), over=over)

    def older(self, offset: float = 0.0) -> Expression:
        """Return what there is where there is history of the whole window.

        Args:
            offset: seconds to go back in time.
        """
        before = replace(self.selection, offset=offset + self.query.window)
        return self.selection.total(before.series(self.metric, *self._slo()), how="group")

    def _long(self, offset: float = 0.0) -> Expression:
        """Return the signal over the longer window, or the only one."""
        value = self._value(offset)
        return value * self._covered(offset) if self.query.weighed else value

    def _covered(self, offset: float) -> Expression:
        """Return the share of the window that there is history of."""
        window, step = self.query.window, self.selection.context.step
        # A sample of before the window is looked for as well, so that the share of a window that
        # is wholly covered is 1.
        over = range_text(window + max(2 * step, window * _BEFORE))
        context = self.selection.context
        recorded = context.recorded.timestamp(context.name(self.metric), str(self.query.slo))
        times: Expression
        if recorded is None:
            latest = call("timestamp", self.series())
            times = Subquery(latest, over, line_step(window, step), offset)
        else:
            times = VectorSelector(recorded, self._slo(), over, offset)
        first = self.selection.total(call("min_over_time", times), how="min")
        now = call("time") - offset if offset else call("time")
        return call("clamp_max", (now - first) / window, 1)

    def _value(self, offset: float = 0.0, window: float | None = None) -> Expression:
        window = self.query.window if window is None else window
        selection = replace(self.selection, offset=offset, window=window)
        value = self.signal.promql(selection, self.query)
        return value if not self.query.whole_window else binary(value, "and", self.older(offset))

    def _slo(self) -> tuple[Matcher, ...]:
        return () if self.query.slo is None else (Matcher("slo", "=", self.query.slo),)

    def _change(self, now: Expression, before: Expression) -> Expression:
        if self.signal.lowest < 0:
            return (now - before) / call("abs", before.compare("!=", 0))
        return now / before.compare("!=", 0) - 1

    def _anomaly(self, derivation: Derivation) -> Derived:
        over = derivation.over
        step = training_step(over, self.selection.context.step)
        now = usual = self.known()
        if over >= 2 * DAY:
            usual = binary(now, "and", self._same_time_of_day(), on=())
        # Every value is compared with the median of this moment, not with that of its own.
        middle = _median(_values(usual, over, step, at_end=True))
        deviation = MAD_TO_DEVIATION * _median(_values(call("abs", usual - middle), over, step))
        distance = call("abs", now - middle)
        trained = over * TRAINED
        before = _values(now, over - trained, step, offset=trained)
        return Derived(
            distance / (deviation > 0),
            (
                call("count_over_time", _values(usual, over, step)) >= MIN_TRAINING,
                call("present_over_time", before),
            ),
            otherwise=distance.compare("==", 0),
        )

    def _same_time_of_day(self) -> Expression:
        """Return what holds in a subquery at the times of day near that of the evaluation."""
        # The latest sample tells the time: one of a subquery would be lost in another one.
        latest = call("max", call("timestamp", replace(self.series(), at_end=True)))
        ago = latest - call("vector", call("time"))
        return (ago + SEASON_WIDTH) % DAY <= 2 * SEASON_WIDTH


def line_step(over: float, least: float) -> float:
    """Return the seconds between the values that a line is drawn through.

    Args:
        over: seconds that they are of.
        least: seconds between two evaluations.
    """
    return _spacing(over, least, _POINTS)


def training_step(over: float, least: float) -> float:
    """Return the seconds between the values of a training span.

    Args:
        over: seconds of the span.
        least: seconds between two evaluations.
    """
    points = _POINTS_OF_DAYS if over >= 2 * DAY else _POINTS
    return min(_spacing(over, least, points), over / (2 * MIN_TRAINING))


def _values(
    expression: Expression, over: float, step: float, offset: float = 0.0, *, at_end: bool = False
) -> Subquery:
    """Return the values of an expression over a time."""
    return Subquery(expression, range_text(over), step, offset, at_end)


def _median(values: Subquery) -> Expression:
    return call("quantile_over_time", 0.5, values)


def _spacing(over: float, least: float, points: int) -> float:
    """Return the seconds between values, so that there are not too many, nor more than needed."""
    return next((step for step in STEPS if step >= max(least, over / points)), STEPS[-1])

"""Queries over a fleet in PromQL: the signal, and values that are derived from it over time."""

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
"""The possible spacings of values in seconds, all of them familiar."""

_BEFORE: Final = 0.1
"""The share of a window before its beginning in which a sample proves history of all of it."""

_POINTS: Final = 180
"""The maximum number of values for a line or a median."""

_POINTS_OF_DAYS: Final = 2 * MAX_VALUES
"""The same maximum if only the values at one time of day count."""


class Derived(NamedTuple):
    """The PromQL of a derived value.

    Attributes:
        value: the value, where it has samples.
        guards: other expressions that must have samples for the value to count.
        otherwise: the value where `value` has no samples; None for nothing.
    """

    value: Expression
    guards: tuple[Expression, ...] = ()
    otherwise: Expression | None = None


@dataclass(frozen=True)
class FleetQuery:
    """A query, and the series that it selects.

    Attributes:
        query: the query to compile.
        selection: the selection of its series.
    """

    query: Query
    selection: Selection

    @classmethod
    def of(cls, query: Query, context: PromqlContext, *, worst: str) -> FleetQuery:
        """Return a query in a context.

        Args:
            query: the query to compile.
            context: the context of the export.
            worst: how to combine instances whose values cannot be added: `max` or `min`.
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
        """The labels of the values."""
        return self.selection.labels if self.signal.groups else ()

    def value(self) -> Expression:
        """Return the value of the query; NaN or nothing where there is no data."""
        if self.query.derive is None:
            return self._long() if self.query.short is None else self.known()
        value, guards, otherwise = self.derived(self.query.derive)
        return all_of(value if otherwise is None else any_of(value, otherwise), *guards)

    def windows(self) -> tuple[Expression, ...]:
        """Return the signal itself, over each of its windows."""
        short = self.query.short
        return (self._long(),) if short is None else (self._long(), self._value(window=short))

    def known(self, offset: float = 0.0) -> Expression:
        """Return the signal itself, some seconds ago; nothing where there is no data."""
        long = self._long(offset)
        if self.query.short is not None:
            short = self._value(offset, self.query.short)
            return any_of(long <= short, short < long)
        # Functions over time would return NaN if any value is NaN.
        return long >= 0 if self.signal.nan_when_empty else long

    def derived(self, derivation: Derivation) -> Derived:
        """Return the value that is derived from the signal's values over time."""
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
        # A line continues after the end of the values.
        return Derived(line[derivation.kind], (now,))

    def samples(self) -> Expression | None:
        """Return the number of samples of the signal; None if it is always one."""
        signal, selection = self.signal, self.selection
        if not signal.counted:
            return None
        rate = selection.sum_rate(signal.counted, *self._slo())
        if signal.uncounted:
            rate = rate - selection.sum_rate(signal.uncounted)
        return rate if self.query.increase else rate * self.query.window

    def bad_events(self) -> Expression | None:
        """Return the number of bad events of the signal; None if no minimum is set."""
        if not self.query.min_bad:
            return None
        rate = self.selection.sum_rate(self.signal.counted_bad, *self._slo())
        # Prometheus extrapolates: two events become a little more, or less by rounding.
        return call("round", rate * self.query.window)

    @property
    def metric(self) -> str:
        """The metric that exists with or without data."""
        return self.signal.counted or next(iter(self.signal.metrics), DURATION_COUNT)

    def lasting(self) -> bool:
        """Return whether the series of `metric` last as long as their process."""
        return is_counter(self.metric)

    def series(self, over: str = "") -> VectorSelector:
        """Return the series of `metric` that the query selects.

        Args:
            over: the range of a range vector, in PromQL.
        """
        return self.selection.series(self.metric, *self._slo(), over=over)

    def older(self, offset: float = 0.0) -> Expression:
        """Return an expression that has samples where there is history of the whole window.

        Args:
            offset: the number of seconds to go back in time.
        """
        before = replace(self.selection, offset=offset + self.query.window)
        return self.selection.total(before.series(self.metric, *self._slo()), how="group")

    def _long(self, offset: float = 0.0) -> Expression:
        """Return the signal over the longer window, or over the only one."""
        value = self._value(offset)
        return value * self._covered(offset) if self.query.weighed else value

    def _covered(self, offset: float) -> Expression:
        """Return the share of the window for which there is history."""
        window, step = self.query.window, self.selection.context.step
        # A sample before the window counts as well, so that the share of a window that is
        # completely covered is 1.
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
        # Every value is compared with the current median, not with the median of its own time.
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
        """Return a condition for a subquery that holds near the time of day of the evaluation."""
        # The latest sample tells the time: a subquery within another one would lose it.
        latest = call("max", call("timestamp", replace(self.series(), at_end=True)))
        ago = latest - call("vector", call("time"))
        return (ago + SEASON_WIDTH) % DAY <= 2 * SEASON_WIDTH


def line_step(over: float, least: float) -> float:
    """Return the number of seconds between the values for a line.

    Args:
        over: the range of the values in seconds.
        least: the number of seconds between two evaluations.
    """
    return _spacing(over, least, _POINTS)


def training_step(over: float, least: float) -> float:
    """Return the number of seconds between the values of a training span.

    Args:
        over: the length of the span in seconds.
        least: the number of seconds between two evaluations.
    """
    points = _POINTS_OF_DAYS if over >= 2 * DAY else _POINTS
    return min(_spacing(over, least, points), over / (2 * MIN_TRAINING))


def _values(
    expression: Expression, over: float, step: float, offset: float = 0.0, *, at_end: bool = False
) -> Subquery:
    """Return the values of an expression over a range."""
    return Subquery(expression, range_text(over), step, offset, at_end)


def _median(values: Subquery) -> Expression:
    return call("quantile_over_time", 0.5, values)


def _spacing(over: float, least: float, points: int) -> float:
    """Return the number of seconds between values: not too many values, nor more than needed."""
    return next((step for step in STEPS if step >= max(least, over / points)), STEPS[-1])

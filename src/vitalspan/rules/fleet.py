"""What a query asks of a fleet, in PromQL: the signal, and what is derived from it over time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from vitalspan import names
from vitalspan.rules.operators import (
    COMPARISON,
    PRODUCT,
    SUM,
    all_of,
    any_of,
    enclosed,
    number,
    part,
)
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.derived import (
    DAY,
    MAD_TO_DEVIATION,
    MAX_VALUES,
    MIN_TRAINING,
    SEASON_WIDTH,
    TRAINED,
)
from vitalspan.signals.matching import quoted
from vitalspan.signals.process import is_counter
from vitalspan.signals.promql import Selection
from vitalspan.signals.query import Derivation, Query
from vitalspan.signals.units import duration_text

STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
"""Seconds between two values, of those that people know."""

_POINTS: Final = 180
"""Values that a line is drawn through, or that a median is of, at most."""

_POINTS_OF_DAYS: Final = 2 * MAX_VALUES
"""The same where of all values only those of one time of day count."""


class Derived(NamedTuple):
    """PromQL of a value.

    Attributes:
        value: where it has samples.
        guards: what else must have samples for the value to count.
        otherwise: what counts where `value` has no samples; may be empty.
    """

    value: str
    guards: tuple[str, ...] = ()
    otherwise: str = ""


@dataclass(frozen=True)
class Fleet:
    """A query, and the series that it is about.

    Attributes:
        query: what is asked.
        selection: of which series.
        step: seconds between two evaluations.
    """

    query: Query
    selection: Selection
    step: float

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that values have."""
        return self.selection.labels if signal_of(self.query).groups else ()

    def value(self) -> str:
        """Return the value that is asked for, NaN or nothing where there is no data."""
        if self.query.derive is None:
            return self._signal() if self.query.short is None else self.known()
        value, guards, otherwise = self.derived(self.query.derive)
        if otherwise:
            value = any_of(value, otherwise)
        return all_of(value, *guards) if guards else value

    def windows(self) -> tuple[str, ...]:
        """Return the signal itself, over each of its windows."""
        short = self.query.short
        return (self._signal(),) if short is None else (self._signal(), self._signal(window=short))

    def known(self, offset: float = 0.0) -> str:
        """Return the signal itself, some seconds ago, nothing where there is no data."""
        long = self._signal(offset)
        if self.query.short is not None:
            short = part(self._signal(offset, self.query.short), SUM)
            return any_of(f"{part(long, SUM)} <= {short}", f"{short} < {part(long, SUM)}")
        # Without calls a quantile is NaN, which functions over time would pass on.
        return f"{long} >= 0" if self.query.quantile is not None else long

    def derived(self, derivation: Derivation) -> Derived:
        """Return what is made of the signal's values over time."""
        now, over = self.known(), derivation.over
        if derivation.kind == "change":
            return Derived(self._change(now, self.known(over)))
        if derivation.kind == "anomaly":
            return self._anomaly(derivation)
        values = _values(now, over, line_step(over, self.step))
        slope = f"deriv({values})"
        line = {
            "slope": f"{slope} * 3600",
            "forecast": f"predict_linear({values}, {number(derivation.horizon)})",
            "until": f"({number(derivation.limit)} - predict_linear({values}, 0))"
            f" / ({slope} != 0) >= 0",
        }
        # A line goes on where the values have ended.
        return Derived(line[derivation.kind], (now,))

    def samples(self) -> str | None:
        """Return how many samples the signal is made of; None where it is always one."""
        signal, selection = signal_of(self.query), self.selection
        if not signal.counted:
            return None
        rate = selection.sum_rate(signal.counted, *self._slo())
        if signal.name == "error_ratio":
            rate = f"({rate} - {selection.sum_rate(names.OPERATION_CANCELLATIONS.name)})"
        return f"{rate} * {number(self.query.window)}"

    @property
    def metric(self) -> str:
        """The metric that is there whether there is data or not."""
        signal = signal_of(self.query)
        calls = f"{names.OPERATION_DURATION.name}_count"
        return signal.counted or next(iter(signal.metrics), calls)

    def lasting(self) -> bool:
        """Whether the series of `metric` last as long as their process does."""
        return is_counter(self.metric)

    def series(self) -> str:
        """Return the series of `metric` that the query is about."""
        own = replace(self.selection, prefix="") if self.query.series else self.selection
        return own.series(self.metric, *self._slo())

    def _signal(self, offset: float = 0.0, window: float | None = None) -> str:
        selection = replace(
            self.selection, offset=offset, window=self.query.window if window is None else window
        )
        return signal_of(self.query).promql(selection, self.query)

    def _slo(self) -> tuple[str, ...]:
        return () if self.query.slo is None else (f"slo={quoted(self.query.slo)}",)

    def _change(self, now: str, before: str) -> str:
        series = self.query.series
        if series is not None and not is_counter(series):
            return f"({part(now, SUM)} - {part(before, PRODUCT)}) / abs({part(before, SUM)} != 0)"
        return f"{part(now, PRODUCT)} / ({part(before, SUM)} != 0) - 1"

    def _anomaly(self, derivation: Derivation) -> Derived:
        over = derivation.over
        step = training_step(over, self.step)
        now = usual = self.known()
        if over >= 2 * DAY:
            usual = f"{part(now, COMPARISON)} and on () {self._same_time_of_day()}"
        # Every value is compared with the median of this moment, not with that of its own.
        middle = f"quantile_over_time(0.5, {_values(usual, over, step)} @ end())"
        distances = _values(f"abs({part(usual, SUM)} - {middle})", over, step)
        deviation = f"{MAD_TO_DEVIATION} * quantile_over_time(0.5, {distances})"
        distance = f"abs({part(now, SUM)} - {middle})"
        trained = over * TRAINED
        before = f"{_values(now, over - trained, step)} offset {duration_text(trained)}"
        return Derived(
            f"{distance} / ({deviation} > 0)",
            (
                f"count_over_time({_values(usual, over, step)}) >= {MIN_TRAINING}",
                f"present_over_time({before})",
            ),
            otherwise=f"{distance} == 0",
        )

    def _same_time_of_day(self) -> str:
        """Return what holds in a subquery at the times of day near that of the evaluation."""
        # The latest sample tells the time: one of a subquery would be lost in another one.
        ago = f"max(timestamp({self.series()} @ end())) - vector(time())"
        width = number(SEASON_WIDTH)
        return f"({ago} + {width}) % {number(DAY)} <= {number(2 * SEASON_WIDTH)}"


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


def _values(expression: str, over: float, step: float) -> str:
    """Return the values of an expression over a time."""
    return f"{enclosed(expression)}[{duration_text(over)}:{duration_text(step)}]"


def _spacing(over: float, least: float, points: int) -> float:
    """Return the seconds between values, so that there are not too many, nor more than needed."""
    return next((step for step in STEPS if step >= max(least, over / points)), STEPS[-1])

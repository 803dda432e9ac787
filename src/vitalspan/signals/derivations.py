"""Derivations of a signal's values over time: change, slope, forecast, anomaly."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Final

from vitalspan.signals.query import Derivation

MAX_VALUES: Final = 720
"""The maximum number of values kept per signal; if there are more, some are skipped."""

MIN_TRAINING: Final = 30
"""The minimum number of values for detecting anomalies."""

TRAINED: Final = 0.8
"""The share of a training span that has to be over before anomalies are detected."""

LOOKBACK: Final = 300.0
"""Seconds that a value before the span may be older than it, as in Prometheus."""

DAY: Final = 86400.0

SEASON_WIDTH: Final = 1800.0
"""Seconds around the time of day for which values of other days are used."""

MAD_TO_DEVIATION: Final = 1.4826
"""The standard deviation of normally distributed values over their median absolute deviation."""


class Past:
    """The values of a signal at the ticks, as many as a derivation needs.

    Args:
        derivation: the derivation.
    """

    def __init__(self, derivation: Derivation) -> None:
        self._derivation = derivation
        self._spacing = derivation.over / MAX_VALUES
        self._values: deque[tuple[float, float]] = deque()
        self._sums = _Sums()
        self._removed = 0

    def derive(self, value: float | None, now: float) -> float | None:
        """Take the current value and return the derived one; None for no data.

        Args:
            value: the value of the signal; None for no data.
            now: the tick, on the steady clock.
        """
        if value is not None and not math.isfinite(value):
            value = None
        if self._derivation.kind == "anomaly":
            # The current value is not compared with itself.
            derived = None if value is None else self._anomaly(value, now)
            self._take(value, now)
            return derived
        if self._derivation.kind == "change":
            # If there was no value, a change is not computed against an earlier one.
            self._take(math.nan if value is None else value, now)
            return None if value is None else self._change(value, now)
        self._take(value, now)
        return None if value is None else self._trend(now)

    def _trend(self, now: float) -> float | None:
        derivation = self._derivation
        line = self._sums.line()
        if line is None:
            return None
        slope, level = line
        if derivation.kind == "slope":
            return slope * 3600.0
        present = level + slope * now
        if derivation.kind == "forecast":
            return present + slope * derivation.horizon
        return _time_until(derivation.limit, present, slope)

    def _take(self, value: float | None, now: float) -> None:
        values = self._values
        last = values[-1][0] if values else float("-inf")
        if value is not None and now - last >= self._spacing * (1.0 - 1e-9):
            values.append((now, value))
            self._sums.add(now, value)
        # One value from before the span is kept, as the value at the start of the span.
        limit = now - self._derivation.over
        while len(values) > 1 and values[1][0] <= limit + 1e-6:
            self._sums.add(*values.popleft(), sign=-1)
            self._removed += 1
        if values and values[0][0] < limit - LOOKBACK:
            self._sums.add(*values.popleft(), sign=-1)
        if self._removed >= MAX_VALUES:
            # Adding and subtracting accumulates rounding errors.
            self._removed = 0
            self._sums = _Sums()
            for when, past_value in values:
                self._sums.add(when, past_value)

    def _change(self, value: float, now: float) -> float | None:
        if not self._values:
            return None
        when, before = self._values[0]
        if now - when < self._derivation.over - 1e-6 or before == 0 or math.isnan(before):
            return None
        return (value - before) / abs(before)

    def _anomaly(self, value: float, now: float) -> float | None:
        values = self._values
        over = self._derivation.over
        if len(values) < MIN_TRAINING or now - values[0][0] < TRAINED * over:
            return None
        usual = [one for _, one in values]
        if over >= 2 * DAY:
            season = [one for when, one in values if _near(now - when)]
            usual = season if len(season) >= MIN_TRAINING else usual
        middle = median(usual)
        deviation = MAD_TO_DEVIATION * median(abs(one - middle) for one in usual)
        if deviation == 0:
            return 0.0 if value == middle else None
        return abs(value - middle) / deviation


class _Sums:
    """A least-squares line through points that are added and removed."""

    def __init__(self) -> None:
        self._origin: float | None = None
        self._n = 0
        self._x = self._y = self._xx = self._xy = 0.0

    def add(self, x: float, y: float, sign: int = 1) -> None:
        if self._origin is None or not self._n:
            # Times since boot are large, and their squares would lose digits.
            self._origin = x
            self._x = self._y = self._xx = self._xy = 0.0
        x -= self._origin
        self._n += sign
        self._x += sign * x
        self._y += sign * y
        self._xx += sign * x * x
        self._xy += sign * x * y

    def line(self) -> tuple[float, float] | None:
        """Return the slope and the value at time 0; None for fewer than two points."""
        n, origin = self._n, self._origin
        spread = n * self._xx - self._x * self._x
        if n < 2 or spread <= 0 or origin is None:
            return None
        slope = (n * self._xy - self._x * self._y) / spread
        return slope, (self._y - slope * self._x) / n - slope * origin


def _time_until(limit: float, present: float, slope: float) -> float | None:
    ahead = limit - present
    if ahead == 0:
        return 0.0
    if slope == 0 or (ahead > 0) != (slope > 0):
        return None
    return ahead / slope


def _near(age: float) -> bool:
    apart = age % DAY
    return min(apart, DAY - apart) <= SEASON_WIDTH

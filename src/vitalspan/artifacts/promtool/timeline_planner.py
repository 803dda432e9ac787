"""Plan the values of a signal that make an alert fire and resolve."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate
from typing import Final

from vitalspan.artifacts.promtool.timeline import (
    Check,
    ImpossibleError,
    Segment,
    Timeline,
    inputs_of,
    objective_of,
)
from vitalspan.promql.context import PromqlContext
from vitalspan.rules.model import Level, Rule
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.derivations import DAY, MAD_TO_DEVIATION
from vitalspan.signals.query import Derivation

_LONGER: Final = (60.0, 300.0, 1800.0, 21600.0)
"""The evaluation intervals in seconds for tests that take longer than about an hour."""

_MOST_EVALUATIONS: Final = 360
_MOST_TRAINED: Final = 120
"""The maximum evaluations of a test, and of one whose every evaluation uses hundreds of values."""

_LONG_WINDOW: Final = 1800.0
"""The window in seconds from which a test uses more calls instead of waiting, if possible."""

_MORE: Final = 1e5
"""The factor by which later calls outnumber those before them."""

_ALERTS_SEEN: Final = 300.0
"""The number of seconds after which Prometheus no longer sees its own samples of `ALERTS`."""

_STAIRS: Final = 24


def plan_timeline(rule: Rule, level: Level, context: PromqlContext) -> Timeline:
    """Return the values that make a level's alert fire and resolve.

    Args:
        rule: the rule of the level.
        level: the level of the alert.
        context: the context of the export, whose step is used unless that takes too long.

    Raises:
        ImpossibleError: if there are no such values.
    """
    derivation = rule.query.derive
    anomaly = derivation is not None and derivation.kind == "anomaly"
    most = _MOST_TRAINED if anomaly else _MOST_EVALUATIONS
    for step in (context.step, *(longer for longer in _LONGER if longer > context.step)):
        plan = _Planner(rule, level, replace(context, step=step)).plan()
        if plan.seconds <= most * step:
            return plan
    raise ImpossibleError("it takes months")


class _Planner:
    """A planner of the test of one alert with one evaluation interval.

    Args:
        rule: the rule of the level.
        level: the level of the alert.
        context: the context of the export, whose step is the evaluation interval.
    """

    def __init__(self, rule: Rule, level: Level, context: PromqlContext) -> None:
        self._rule = rule
        self._level = level
        self._step = context.step
        query = rule.query
        self._signal = signal_of(query)
        inputs = inputs_of(rule)
        self._averaged = inputs.averaged
        self._low = self._signal.lowest
        self._high = self._signal.highest_value(objective_of(rule, context))
        if inputs.limits is not None:
            self._low, self._high = inputs.limits(context.boundaries)
        if inputs.counts_calls:
            # With fewer calls there would be no data.
            self._low = 1.1 * rule.min_count / (1.0 if query.increase else query.window)
        self._lag = 0.0 if self._signal.instant else query.window

    def plan(self) -> Timeline:
        derivation = self._rule.query.derive
        if derivation is None:
            return self._plain()
        plans = {
            "change": self._change,
            "slope": self._slope,
            "until": self._until,
            "anomaly": self._anomaly,
        }
        if derivation.kind in plans:
            return plans[derivation.kind](derivation)
        self._lag += derivation.over
        return self._plain(faster=False)

    def _plain(self, *, faster: bool = True) -> Timeline:
        rule, level = self._rule, self._level
        if self._signal.absence:
            return self._absent()
        bad = self._bad(self._low, self._high)
        clear = level.threshold if level.clear is None else level.clear
        good = self._good(clear)
        more = 1.0
        long = faster and self._averaged and self._lag > _LONG_WINDOW
        if long and good != clear:
            self._lag, more = 0.0, _MORE
        before = []
        if rule.query.weighed and not self._lag:
            # A burn rate is weighted by the share of its window for which there is history.
            before.append(Segment(self._whole(rule.query.window), good, 0.0))
        segments = [*before, self._until_firing(bad)]
        if clear != level.threshold and self._step < _ALERTS_SEEN and rule.query.derive is None:
            between = (clear + level.threshold) / 2
            segments.append(Segment(self._whole(self._lag + 3 * self._step), between, more))
        ends = _ends(segments)[len(before) :]
        checks = [Check(at - self._step, firing=True) for at in ends]
        segments.append(Segment(self._until_gone(), good, segments[-1].faster * more))
        return self._timeline(segments, checks)

    def _absent(self) -> Timeline:
        if not self._rule.above:
            what = f"`{self._signal.name}` has no samples in Prometheus"
            raise ImpossibleError(f"where nothing is absent, {what}")
        self._lag = 0.0
        first = self._until_firing(1.0)
        checks = [Check(first.seconds - self._step, firing=True)]
        return self._timeline([first, Segment(self._until_gone(), 0.0)], checks)

    def _change(self, derivation: Derivation) -> Timeline:
        over = derivation.over
        change = self._bad(-1.0, math.inf)
        if (change > 0) != self._rule.above:
            raise ImpossibleError("it would fire while nothing changes")
        before = max(1.0, 2 * self._low)
        if math.isfinite(self._high):
            before = 0.8 * self._high / max(1.0, 1 + change)
        first = self._whole(max(over, self._lag + 2 * self._step))
        fires = self._whole(self._lag + self._rule.for_seconds + 3 * self._step)
        if fires > over - self._step:
            raise ImpossibleError("what was before is forgotten before the alert can fire")
        after = Segment(self._whole(over) + self._until_gone(), before * (1 + change))
        return self._timeline([Segment(first, before), after], [Check(first + fires, firing=True)])

    def _slope(self, derivation: Derivation) -> Timeline:
        over = derivation.over
        slope = self._bad(-math.inf, math.inf) / 3600.0
        if (slope > 0) != self._rule.above:
            raise ImpossibleError("it would fire while nothing changes")
        fires = self._lag + self._rule.for_seconds + 4 * self._step
        seconds = self._whole(over + fires)
        if abs(slope) * seconds > self._high - self._low:
            # With little history, a line needs no more than that.
            seconds = self._whole(over / 4 + fires)
        rise = slope * seconds
        if abs(rise) > self._high - self._low:
            raise ImpossibleError("it cannot go on for so long")
        low = self._low if math.isfinite(self._low) else 0.0
        start = low if rise > 0 else low - rise
        self._lag += over
        return self._stairs(start, start + rise, seconds)

    def _until(self, derivation: Derivation) -> Timeline:
        rule, limit = self._rule, derivation.limit
        if rule.above:
            raise ImpossibleError("it would fire while nothing changes")
        fires = self._lag + rule.for_seconds + 4 * self._step
        left = (self._level.threshold - fires) * 0.3
        if left <= 0:
            raise ImpossibleError("the limit is passed before the alert can fire")
        seconds = self._whole(derivation.over + fires)
        start = limit + 100.0 if math.isinf(self._high) else self._high
        if limit > self._low:
            start = 0.9 * limit - 100.0 if math.isinf(self._low) else self._low
        end = limit - (limit - start) * left / (seconds + left)
        self._lag += derivation.over
        return self._stairs(start, end, seconds)

    def _anomaly(self, derivation: Derivation) -> Timeline:
        over = derivation.over
        if over >= 2 * DAY:
            raise ImpossibleError("it takes days of values of the same time of day")
        if not self._rule.above or self._level.threshold < 1:
            raise ImpossibleError("it would fire while nothing is unusual")
        # The median of four alternating values is in the middle, and the distances differ.
        far = 4 + 4 * self._level.threshold * MAD_TO_DEVIATION
        low = self._low if math.isfinite(self._low) else 0.0
        high = self._high if math.isfinite(self._high) else low + far
        apart = (high - low) / (far + 4)
        length = self._whole(max(self._lag + 2 * self._step, over / 48))
        turns = math.ceil(over * 0.9 / length) + 2
        usual = [Segment(length, low + (1 + turn % 4) * apart) for turn in range(turns)]
        fires = self._until_firing(low + far * apart)
        checks = [Check(_ends([*usual, fires])[-1] - self._step, firing=True)]
        calm = Segment(self._until_gone(), low + 2.5 * apart)
        return self._timeline([*usual, fires, calm], checks)

    def _stairs(self, start: float, end: float, seconds: float) -> Timeline:
        """Change from one value to another in steps, and then stay there."""
        height = (end - start) / _STAIRS
        segments = [
            Segment(seconds / _STAIRS, start + (stair + 1) * height) for stair in range(_STAIRS)
        ]
        checks = [Check(seconds - self._step, firing=True)]
        return self._timeline([*segments, Segment(self._until_gone(), end)], checks)

    def _timeline(self, segments: list[Segment], checks: list[Check]) -> Timeline:
        end = sum(segment.seconds for segment in segments)
        last = Check(math.floor(end / self._step + 1e-6) * self._step, firing=False)
        return Timeline(self._step, tuple(segments), (*checks, last))

    def _until_firing(self, value: float) -> Segment:
        seconds = self._lag + self._rule.for_seconds + 5 * self._step
        return Segment(self._whole(seconds), value)

    def _until_gone(self) -> float:
        return self._whole(self._lag + self._rule.keep_firing_for + 4 * self._step)

    def _whole(self, seconds: float) -> float:
        return math.ceil(seconds / self._step - 1e-6) * self._step

    def _bad(self, low: float, high: float) -> float:
        threshold = self._level.threshold
        room = high - threshold if self._rule.above else threshold - low
        if room <= 0:
            raise ImpossibleError("the exported series never get beyond the threshold")
        return _beside(threshold, room / 2, above=self._rule.above)

    def _good(self, clear: float) -> float:
        room = clear - self._low if self._rule.above else self._high - clear
        if room < 0:
            raise ImpossibleError("the exported series never come back to where it clears")
        return _beside(clear, room, above=not self._rule.above)


def _beside(limit: float, room: float, *, above: bool) -> float:
    """Return a value that is far from a limit, within the room that there is on that side."""
    away = min(abs(limit) / 2 or 1.0, room)
    return limit + away if above else limit - away


def _ends(segments: list[Segment]) -> list[float]:
    return list(accumulate(segment.seconds for segment in segments))

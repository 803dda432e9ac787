"""Signals that a monitor makes itself at each tick: firing alerts, and the scores."""

from __future__ import annotations

import re
from typing import Final

from vitalspan import names
from vitalspan.signals.matching import quoted
from vitalspan.signals.promql import Selection
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Signal, Window
from vitalspan.signals.units import NUMBER

ALERT_POINTS: Final = {"critical": 10, "error": 5, "warning": 2, "info": 0}
"""What a firing alert of each severity counts."""

SAME_MATTER: Final = ("severity", "long_window")
"""Labels in which alerts of one matter differ: of those that fire, the worst alone counts."""

_FIRING: Final = 2
"""The value of `alert_state` while an alert fires."""

_MADE_OF_SCORES: Final = frozenset(
    {
        *(family.name for family in names.HEALTH_FAMILIES),
        *(family.name for family in names.ALERT_FAMILIES),
    }
)


def is_made_of_scores(query: Query, prefix: str) -> bool:
    """Whether a query reads a score, alerts, or something made of either.

    An alert on it must never count against the score: the score would feed on itself.

    Args:
        query: what is asked.
        prefix: before the names of the monitor's metrics.
    """
    if query.series is not None:
        return query.series.removeprefix(prefix) in _MADE_OF_SCORES
    return query.signal in _NAMES


def _alert_points(window: Window, query: Query) -> Reading:
    found = window.gauges(_POINTS)
    return Reading(sum(found), 1) if found else NO_DATA


def _alert_points_promql(selection: Selection, query: Query) -> str:
    conditions = []
    if selection.not_counted:
        names_or = "|".join(map(re.escape, selection.not_counted))
        conditions.append(f"alertname!~{quoted(names_or)}")
    firing = []
    for severity, points in ALERT_POINTS.items():
        state = selection.gauge(names.ALERT_STATE.name, f'severity="{severity}"', *conditions)
        firing.append(f"{points} * ({state} == bool {_FIRING})")
    same = SAME_MATTER if selection.per_instance else (*SAME_MATTER, "instance")
    worst = f"max without ({', '.join(same)}) ({' or '.join(firing)})"
    return selection.total(worst)


def _score(metric: str) -> Signal:
    def value(window: Window, query: Query) -> Reading:
        found = window.gauges(metric)
        return Reading(min(found), 1) if found else NO_DATA

    def promql(selection: Selection, query: Query) -> str:
        pooled = selection.scores.get(metric)
        if pooled is None:
            return selection.total(selection.gauge(metric), how=selection.worst)
        return selection.total(selection.recording(pooled), how="min")

    whose = "of components " if metric == names.COMPONENT_HEALTH_SCORE.name else ""
    return Signal(
        metric,
        NUMBER,
        "monitor",
        f"the score {whose}from 0 to 100",
        value,
        promql,
        metrics=(metric,),
        instant=True,
    )


def _health_absent(window: Window, query: Query) -> Reading:
    return Reading(0.0 if window.gauges(names.HEALTH_SCORE.name) else 1.0, 1)


def _health_absent_promql(selection: Selection, query: Query) -> str:
    score, status = names.HEALTH_SCORE.name, names.HEALTH_STATUS.name
    pooled = selection.scores.get(score)
    known = selection.gauge(score) if pooled is None else selection.recording(pooled)
    # The status is there without a score, and is missed for a while after its end.
    seen = f"last_over_time({selection.series(status)}[{_MISSED_FOR}]{selection.ago})"
    told = selection.total(seen, how="group")
    missing = f"{told} unless {selection.total(known, how='group')}"
    return f"{missing} or absent({known}) unless on () {told}"


_POINTS: Final = "alert_points"

_MISSED_FOR: Final = "1h"
"""How long the scores of a job that has ended are still missed."""

HEALTH: Final = (
    Signal(
        _POINTS,
        NUMBER,
        "monitor",
        "what the firing alerts count: 10 a critical one, 5 an error, 2 a warning",
        _alert_points,
        _alert_points_promql,
        metrics=(_POINTS,),
        instant=True,
    ),
    _score(names.HEALTH_SCORE.name),
    _score(names.COMPONENT_HEALTH_SCORE.name),
    Signal(
        "health_absent",
        NUMBER,
        "monitor",
        "1 while there is no health score, 0 otherwise",
        _health_absent,
        _health_absent_promql,
        metrics=(names.HEALTH_SCORE.name,),
        instant=True,
    ),
)

_NAMES: Final = frozenset(signal.name for signal in HEALTH)

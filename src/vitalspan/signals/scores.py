"""Signals that the monitor provides itself at each tick: firing alerts, and the scores."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import reduce
from typing import Final

from vitalspan import metrics as names
from vitalspan.metrics import COMPONENT
from vitalspan.promql.expression import Aggregation, Expression, binary, call
from vitalspan.promql.matchers import Matcher, match_all
from vitalspan.promql.selection import Selection
from vitalspan.signals.history_view import HistoryView
from vitalspan.signals.promtool_series import Inputs, InputSeries, Samples, Target, labelled, plain
from vitalspan.signals.query import Query
from vitalspan.signals.signal import Reading, Signal, Window
from vitalspan.signals.source import MONITOR, SeriesLabels
from vitalspan.signals.values import gauge_of
from vitalspan.units import NUMBER

ALERT_POINTS: Final = {"critical": 10, "error": 5, "warning": 2, "info": 0}
"""The points of a firing alert, by its severity."""

SAME_MATTER: Final = ("severity", "long_window")
"""Labels in which alerts of one matter differ: of those that fire, the worst alone counts."""

ALERT_POINTS_METRIC: Final = "alert_points"
"""The metric with the points of each alert, which the monitor provides."""

_FIRING: Final = names.ALERT_STATES["firing"]

_MISSED_FOR: Final = "1h"
"""How long the scores of a job that has ended are still missed."""

MADE_OF_SCORES: Final = frozenset(
    family.name for family in (*names.HEALTH_FAMILIES, *names.ALERT_FAMILIES)
)
"""The metrics that depend on a score or on alerts."""

_ALERT_LABELS: Final = SeriesLabels(
    foreign=frozenset(SAME_MATTER),
    refusal="{signal} only uses the worst alert of each rule, "
    "whatever its {label} is: leave it out",
)


def _alert_points_promql(selection: Selection, query: Query) -> Expression:
    return selection.total(_firing_points(selection))


def _worst_alert_points_promql(selection: Selection, query: Query) -> Expression:
    return selection.total(_firing_points(selection), how="max")


def _firing_points(selection: Selection) -> Expression:
    """Return the points of each firing alert, but only the worst one of each matter."""
    context = selection.context
    left_out = "|".join(map(re.escape, context.not_counted))
    counted = [Matcher("alertname", "!~", left_out)] if left_out else []
    firing: list[Expression] = []
    for severity, points in ALERT_POINTS.items():
        matchers = (Matcher("severity", "=", severity), *counted)
        state = selection.series(names.ALERT_STATE.name, *matchers)
        firing.append(points * state.compare("== bool", _FIRING))
    same = SAME_MATTER if context.per_instance else (*SAME_MATTER, "instance")
    return Aggregation("max", same, reduce(Expression.or_, firing), without=True)


def _alert(name: str, severity: str) -> InputSeries:
    return InputSeries(names.ALERT_STATE.name, (("alertname", name), ("severity", severity)))


def _alert_points_inputs(target: Target) -> Samples:
    """Make alerts fire whose points add up to the value, or nearly so: none add up to 1 or 3."""
    points = {1: 2, 3: 4}.get(round(target.value), round(target.value))
    odd = points % 2
    counts = {"error": odd, "critical": (points - 5 * odd) // 10}
    counts["warning"] = (points - 5 * odd) % 10 // 2
    samples = {_alert("Played", "info"): 0.0}
    for severity, count in counts.items():
        for number in range(count):
            # Severities of the same alert would count as one.
            samples[_alert(f"Played {severity} {number}", severity)] = _FIRING
    return samples


def _worst_alert_points_inputs(target: Target) -> Samples:
    """Make an alert fire whose points are nearest to the value."""
    nearest = min(ALERT_POINTS, key=lambda one: abs(ALERT_POINTS[one] - target.value))
    return {
        _alert(f"Played {severity}", severity): _FIRING if severity == nearest else 0.0
        for severity in ALERT_POINTS
    }


def _firing_alerts(query: Query, view: HistoryView, component: str | None) -> str:
    firing: dict[str, float] = {}
    for labels, points in view.history.made(ALERT_POINTS_METRIC).present:
        about = component is None or labels.get(COMPONENT) == component
        if points and about and match_all(query.where, labels):
            name = labels["alertname"]
            firing[name] = firing.get(name, 0.0) + points
    return ", ".join(sorted(firing, key=lambda name: -firing[name]))


def _score(metric: str, summary: str, labels: tuple[str, ...] = ()) -> Signal:
    def promql(selection: Selection, query: Query) -> Expression:
        pooled = selection.context.scores.get(metric)
        if pooled is None:
            return selection.total(selection.series(metric), how=selection.worst)
        return selection.total(selection.recording(pooled), how="min")

    return Signal(
        metric,
        NUMBER,
        MONITOR,
        summary,
        gauge_of(metric, min),
        promql,
        Inputs(plain(metric)),
        highest=100.0,
        series_labels=SeriesLabels(only=labels),
        metrics=(metric,),
        instant=True,
    )


def _health_absent(window: Window, query: Query) -> Reading:
    return Reading(0.0 if window.gauges(names.HEALTH_SCORE.name) else 1.0, 1)


def _health_absent_promql(selection: Selection, query: Query) -> Expression:
    score, status = names.HEALTH_SCORE.name, names.HEALTH_STATUS.name
    pooled = selection.context.scores.get(score)
    score_known = selection.series(score) if pooled is None else selection.recording(pooled)
    # The status exists even without a score, and is missed for a while after its end.
    recent_status = call("last_over_time", selection.series(status, over=_MISSED_FOR))
    jobs = selection.total(recent_status, how="group")
    missing = jobs.unless(selection.total(score_known, how="group"))
    return missing.or_(binary(call("absent", score_known), "unless", jobs, on=()))


def _health_absent_inputs(target: Target) -> Samples:
    return {
        labelled(names.HEALTH_STATUS.name, "health_status", "healthy"): 1.0,
        InputSeries(names.HEALTH_SCORE.name): math.nan if target.value else 90.0,
    }


_ALL_POINTS: Final = Signal(
    "alert_points",
    NUMBER,
    MONITOR,
    "the points of the firing alerts: 10 for a critical one, 5 for an error, 2 for a warning",
    gauge_of(ALERT_POINTS_METRIC, sum),
    _alert_points_promql,
    Inputs(_alert_points_inputs),
    series_labels=_ALERT_LABELS,
    metrics=(ALERT_POINTS_METRIC,),
    instant=True,
    of_alerts=True,
    contributor=_firing_alerts,
)

SCORES: Final = (
    _ALL_POINTS,
    replace(
        _ALL_POINTS,
        name="worst_alert_points",
        summary="the points of the worst firing alert: 10 for a critical one, 5 for an error, 2 "
        "for a warning",
        value=gauge_of(ALERT_POINTS_METRIC, max),
        promql=_worst_alert_points_promql,
        inputs=Inputs(_worst_alert_points_inputs),
        highest=float(max(ALERT_POINTS.values())),
    ),
    _score(names.HEALTH_SCORE.name, "the score from 0 to 100"),
    _score(
        names.COMPONENT_HEALTH_SCORE.name,
        "the score of components from 0 to 100",
        labels=(COMPONENT,),
    ),
    Signal(
        "health_absent",
        NUMBER,
        MONITOR,
        "1 while there is no health score, 0 otherwise",
        _health_absent,
        _health_absent_promql,
        Inputs(_health_absent_inputs),
        highest=1.0,
        series_labels=SeriesLabels(only=()),
        metrics=(names.HEALTH_SCORE.name,),
        instant=True,
        absence=True,
    ),
)

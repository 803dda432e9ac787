"""The signal about SLOs: how fast an error budget is spent."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics as names
from vitalspan.promql.expression import Expression, binary
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.selection import Selection
from vitalspan.signals.history_view import HistoryView, Interval
from vitalspan.signals.promtool_series import Inputs, Samples, Target, labelled
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Signal, Window
from vitalspan.signals.source import SLOS
from vitalspan.units import NUMBER

_BAD: Final = names.SLO_BAD_EVENTS.name
_EVENTS: Final = names.SLO_EVENTS.name


def _value(window: Window, query: Query) -> Reading:
    events = window.increase("events")
    if events <= 0:
        return NO_DATA
    bad = window.increase("bad")
    if bad < query.min_bad:
        return NO_DATA
    return Reading(bad / events / (1.0 - window.objective()), events)


def _promql(selection: Selection, query: Query) -> Expression:
    slo = str(query.slo)
    gauge = selection.series(names.SLO_OBJECTIVE.name, Matcher("slo", "=", slo))
    objective = selection.context.objectives.get(slo, selection.total(gauge, how="min"))
    return selection.slo_ratio(_BAD, _EVENTS, slo) / binary(1, "-", objective)


def _highest(objective: float) -> float:
    return 1.0 / (1.0 - objective)


def _inputs(target: Target) -> Samples:
    bad = min(1.0, target.value * (1 - target.objective))
    values = {
        _EVENTS: target.calls,
        _BAD: bad * target.calls,
        names.SLO_OBJECTIVE.name: target.objective,
    }
    slo = str(target.query.slo)
    return {labelled(metric, "slo", slo): value for metric, value in values.items()}


def _bad_events(query: Query, view: HistoryView, component: str | None) -> str:
    # An SLO has its own series, whatever the component is.
    series = view.history.slos.with_key(query.slo or "")
    interval = Interval(tuple(series), view.start(query.window))
    return f"{interval.increase('bad'):.0f} of {interval.increase('events'):.0f} calls were bad"


BURN_RATE: Final = Signal(
    "burn_rate",
    NUMBER,
    SLOS,
    "how many times faster than allowed the error budget of {slo} is spent",
    _value,
    _promql,
    Inputs(_inputs, averaged=True),
    highest=_highest,
    counted=_EVENTS,
    counted_bad=_BAD,
    argument="slo",
    contributor=_bad_events,
)

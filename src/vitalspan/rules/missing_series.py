"""Finds rules about series that have never existed, because a misspelled name is silent forever.

A rule is not wrong just because nothing has happened yet. It is reported if it names an operation,
a component, a cache, an API or a metric that does not exist, or a label that no series of its
metric has. A registered metric may have no series before the first error, and a label such as
`status` may get its values during calls, so neither is reported. Rules that fire without data are
not silent. In expressions only the metrics are checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from vitalspan.history.history import History
from vitalspan.history.operation_series import MEASURE_COLUMN
from vitalspan.history.series_index import SeriesIndex
from vitalspan.history.series_slo_counter import SeriesSloCounter
from vitalspan.history.time_series import TimeSeries
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.promql.matchers import Matcher, match_all
from vitalspan.rules.alert_states import ALERTS, AlertStates
from vitalspan.rules.expression_state import ExpressionState
from vitalspan.rules.missing_names import missing_label, missing_value, needed
from vitalspan.rules.model import RecordedExpression, Rule, RuleSet, Slo
from vitalspan.rules.rule_state import RuleState
from vitalspan.runtime.internal_errors import logger
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.query import Query
from vitalspan.signals.source import MONITOR, OPERATIONS, REGISTRY, SLOS
from vitalspan.units import duration_text
from vitalspan.words import counted, hint

PATIENCE: Final = 300.0
"""Seconds after which a rule is reported if nothing that it names exists."""

_EVERY: Final = 60.0
_MOST_LOGGED: Final = 20

_NAMING: Final = (COMPONENT, OPERATION, "cache", "api")
"""Labels whose values are names that a program gives, rather than events."""

_WITHOUT_SERIES: Final = re.compile(r"\b(absent|absent_over_time|or|unless)\b", re.IGNORECASE)
"""With these, an expression may have a result although one of its metrics does not exist."""


class MissingSeries:
    """Finds the series that a rule names and that do not exist in the process.

    Args:
        history: the history, which has all series.
        described: returns the names of all registered metrics, with or without series.
    """

    def __init__(self, history: History, described: Callable[[], Collection[str]]) -> None:
        self._history = history
        self._described = described

    def reason(self, rule: Rule, slos: Iterable[Slo]) -> str:
        """Return what is missing; empty if nothing is."""
        query = rule.query
        signal = signal_of(query)
        if rule.no_data == "alert" or signal.absence or signal.source is MONITOR:
            return ""
        if signal.source is SLOS:
            return self._of_slo(query.slo or "", slos)
        if signal.source is REGISTRY:
            reasons = (self._of_metric(metric, query.where) for metric in signal.metrics)
            reason = next(filter(None, reasons), "")
            # Only names that were written by hand can be misspelled.
            return reason if signal.own_metric else reason.partition(":")[0]
        assert signal.source.index is not None  # noqa: S101 - of operations, caches and APIs
        index = signal.source.index(self._history)
        reason = _of_named(index, query.where)
        if not reason and signal.source is OPERATIONS and query.measure is not None:
            return _of_measure(index, query)
        return reason

    def reason_for_expression(self, state: ExpressionState, rules: RuleSet) -> str:
        """Return which metric is missing; empty if none is."""
        if _WITHOUT_SERIES.search(state.rule.expr):
            return ""
        samples = self._history.samples
        empty = {one.selector.name for one in state.demands if not samples.select(one)}
        own = {ALERTS, *_recorded_names(rules), ""}
        for metric in sorted(empty - own):
            described = self._described()
            if metric not in described:
                return f"there is no metric {metric}{hint(metric, described)}"
        return ""

    def _of_slo(self, name: str, slos: Iterable[Slo]) -> str:
        slo = next((slo for slo in slos if slo.name == name), None)
        if slo is None:
            return f"there is no SLO {name}"
        if slo.counted is None:
            return _of_named(self._history.operations, slo.where)
        counter = self._history.slo_counters.get(name)
        presence = counter.seen if isinstance(counter, SeriesSloCounter) else (False, False)
        counters = (slo.counted.total, slo.counted.judged)
        missing = (one for one, is_there in zip(counters, presence, strict=True) if not is_there)
        reasons = (self._of_metric(one.series, (*slo.where, *one.where)) for one in missing)
        return next(filter(None, reasons), "")

    def _of_metric(self, metric: str, where: Sequence[Matcher]) -> str:
        followed = self._history.metrics.follow(metric)
        every = [labels for labels, _ in followed.present]
        every += [track.labels for track in followed.tracks.all]
        if not every:
            described = self._described()
            if metric in described:
                return ""
            return f"there is no metric {metric}{hint(metric, described)}"
        missing = (missing_label(metric, one.label, every) for one in needed(where))
        return next(filter(None, missing), "")


class MissingSeriesWatch:
    """Reports the rules whose series have never existed, each once.

    Args:
        missing: finds what is missing.
        rule_states: returns the states of all current rules.
    """

    def __init__(
        self, missing: MissingSeries, rule_states: Callable[[], Iterable[AlertStates]]
    ) -> None:
        self._missing = missing
        self._rule_states = rule_states
        self.reset()

    def reset(self) -> None:
        """Start over from zero."""
        self._since: dict[AlertStates, float] = {}
        self._states_with_series: set[AlertStates] = set()
        self._reported: dict[AlertStates, str] = {}
        self._checked = float("-inf")

    @property
    def without_series(self) -> Mapping[AlertStates, str]:
        """The rules whose series have never existed, and what is missing."""
        return self._reported

    def tick(self, now: float, rules: RuleSet) -> None:
        """Check once a minute for rules that have waited too long.

        Args:
            now: the tick, on the steady clock.
            rules: the current rules.
        """
        states = list(self._rule_states())
        if (
            len(states) == len(self._states_with_series) == len(self._since)
            or now - self._checked < _EVERY
        ):
            return
        self._checked = now
        self._since = {state: self._since.get(state, now) for state in states}
        self._states_with_series.intersection_update(states)
        waiting = [state for state in states if state not in self._states_with_series]
        self._states_with_series.update(filter(_is_about_something, waiting))
        reasons = {}
        for state in waiting:
            if state not in self._states_with_series and now - self._since[state] >= PATIENCE:
                reason = self._reason(state, rules)
                if reason:
                    reasons[state] = reason
        new = {state: text for state, text in reasons.items() if state not in self._reported}
        self._reported = reasons
        if new:
            _log(new)

    def _reason(self, state: AlertStates, rules: RuleSet) -> str:
        if isinstance(state, ExpressionState):
            return self._missing.reason_for_expression(state, rules)
        return self._missing.reason(state.rule, rules.slos) if isinstance(state, RuleState) else ""


def _is_about_something(state: AlertStates) -> bool:
    if not isinstance(state, RuleState):
        return bool(state.instances)
    query = state.rule.query
    # The series of an SLO or of calls do not show that the SLO's or the measure's name is right.
    return state.has_series and query.slo is None and query.measure is None


def _recorded_names(rules: RuleSet) -> Iterator[str]:
    """Yield the names of the metrics of recording rules."""
    for group in rules.groups:
        for one in group.expressions:
            if isinstance(one, RecordedExpression):
                yield one.record


def _log(reasons: Mapping[AlertStates, str]) -> None:
    texts = [f"{state.alert}: {reason}" for state, reason in reasons.items()]
    texts = list(dict.fromkeys(texts))
    more = len(texts) - _MOST_LOGGED
    rest = [f"and {more} more"] if more > 0 else []
    logger.warning(
        "%s something that did not exist in the first %s, and cannot fire until it does: %s",
        f"{counted(len(reasons), 'rule')} {'uses' if len(reasons) == 1 else 'use'}",
        duration_text(PATIENCE),
        "; ".join([*texts[:_MOST_LOGGED], *rest]),
    )


def _of_named(index: SeriesIndex[Any], where: Sequence[Matcher]) -> str:
    """Return which of the names that a program gives does not exist."""
    named = [one for one in needed(where) if one.label in _NAMING]
    if not named or any(match_all(named, series.labels) for series in _candidates(index, named)):
        return ""
    missing = (missing_value(one, (series.labels for series in index.all)) for one in named)
    return next(filter(None, missing), f"no series has {' and '.join(map(str, named))}")


def _of_measure(index: SeriesIndex[Any], query: Query) -> str:
    """Return a missing measure, if one with a similar name exists.

    Without a similar one, the measure may just be counted in rare calls.
    """
    measures = {
        column.removeprefix(MEASURE_COLUMN)
        for series in index.all
        if match_all(query.where, series.labels)
        for column in series.columns
        if column.startswith(MEASURE_COLUMN)
    }
    measure = str(query.measure)
    similar = "" if measure in measures else hint(measure, measures)
    return f"no call has counted {measure}{similar}" if similar else ""


def _candidates(index: SeriesIndex[Any], where: Iterable[Matcher]) -> Sequence[TimeSeries]:
    keys = [one.value for one in where if (one.label, one.operator) == (index.key, "=")]
    return index.with_key(keys[0]) if keys else index.all

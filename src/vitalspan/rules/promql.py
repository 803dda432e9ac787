"""PromQL of rules: the value that is asked about, and the condition of each level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vitalspan.rules.fleet import Fleet
from vitalspan.rules.model import Level, Rule
from vitalspan.rules.operators import LOGIC, all_of, any_of, compared, enclosed, part
from vitalspan.signals.matching import quoted
from vitalspan.signals.promql import NOTHING_RECORDED, Recorded, Selection
from vitalspan.signals.query import Query

DEFAULT_STEP: Final = 15.0
"""Seconds between two evaluations, unless it is said otherwise."""

_NO_VALUE: Final = "NaN"
"""The value of alerts that have none; without it they would show the 1 of what stands for them."""

_MISSED_FOR: Final = "1h"
"""How long a gauge that has ended is still missed."""


def expression(
    query: Query,
    *,
    per_instance: bool = False,
    prefix: str = "",
    worst: str = "max",
    recorded: Recorded | None = None,
    objectives: Mapping[str, float] | None = None,
    scores: Mapping[str, str] | None = None,
    not_counted: tuple[str, ...] = (),
    step: float = DEFAULT_STEP,
) -> str:
    """Return PromQL for the value of a query, derived ones included.

    It has one sample for each combination of `job`, the query's labels and, if asked for,
    `instance`; where there is no data it has none, or NaN. The signal `absent` has no labels.

    Args:
        query: what is asked.
        per_instance: whether `instance` stays.
        prefix: before the names of vitalspan's own metrics.
        worst: how instances become one where adding them up means nothing: `max` or `min`.
        recorded: finds recording rules to use in place of rates.
        objectives: of the SLOs by name; of others the gauge is asked.
        scores: the recorded series to take in place of each metric that is a score.
        not_counted: names of the alerts that do not count against a score.
        step: seconds between two evaluations.

    Raises:
        KeyError: for a signal that there is not.
    """
    fleet = _fleet(
        query,
        worst=worst,
        per_instance=per_instance,
        prefix=prefix,
        recorded=recorded,
        objectives=objectives,
        scores=scores,
        not_counted=not_counted,
        step=step,
    )
    return fleet.value()


def condition(
    rule: Rule,
    level: Level,
    *,
    per_instance: bool = False,
    prefix: str = "",
    recorded: Recorded | None = None,
    objectives: Mapping[str, float] | None = None,
    scores: Mapping[str, str] | None = None,
    not_counted: tuple[str, ...] = (),
    step: float = DEFAULT_STEP,
) -> str:
    """Return PromQL that has a sample for each alert of a rule's level.

    What depends on an alert's being there already, `clear` and `no_data: keep`, is read from
    `ALERTS`, where Prometheus writes down the alerts of each evaluation.

    Args:
        rule: what is judged.
        level: one of its levels.
        per_instance: whether `instance` stays.
        prefix: before the names of vitalspan's own metrics.
        recorded: finds recording rules to use in place of rates.
        objectives: of the SLOs by name; of others the gauge is asked.
        scores: the recorded series to take in place of each metric that is a score.
        not_counted: names of the alerts that do not count against a score.
        step: seconds between two evaluations.

    Raises:
        KeyError: for a signal that there is not.
    """
    fleet = _fleet(
        rule.query,
        worst="max" if rule.above else "min",
        per_instance=per_instance,
        prefix=prefix,
        recorded=recorded,
        objectives=objectives,
        scores=scores,
        not_counted=not_counted,
        step=step,
    )
    return _Condition(rule, level, fleet).text()


def _fleet(
    query: Query,
    *,
    worst: str,
    per_instance: bool,
    prefix: str,
    recorded: Recorded | None,
    objectives: Mapping[str, float] | None,
    scores: Mapping[str, str] | None,
    not_counted: tuple[str, ...],
    step: float,
) -> Fleet:
    selection = Selection(
        where=query.where,
        window=query.window,
        by=query.by,
        worst=worst,
        per_instance=per_instance,
        prefix=prefix,
        recorded=NOTHING_RECORDED if recorded is None else recorded,
        objectives=objectives or {},
        scores=scores or {},
        not_counted=not_counted,
    )
    return Fleet(query, selection, step)


class _Condition:
    """The condition of one level, part by part.

    Args:
        rule: what is judged.
        level: one of its levels.
        fleet: what is asked.
    """

    def __init__(self, rule: Rule, level: Level, fleet: Fleet) -> None:
        self._rule = rule
        self._level = level
        self._fleet = fleet

    def text(self) -> str:
        level = self._level
        holds = self._beyond(level.threshold)
        if level.clear is not None and level.clear != level.threshold:
            held = part(self._beyond(level.clear), LOGIC)
            holds = any_of(holds, f"{held}\nand on ({self._told_apart_by()}) {self._firing()}")
        enough = self._enough()
        if enough:
            holds = all_of(holds, *enough)
        return any_of(holds, *self._without_data())

    def _beyond(self, threshold: float) -> str:
        rule, fleet = self._rule, self._fleet
        operator = ">" if rule.above else "<"
        derivation = rule.query.derive
        if derivation is not None:
            derived = fleet.derived(derivation)
            sides = [derived.value, derived.otherwise] if not rule.above else [derived.value]
            values = [compared(side, operator, threshold) for side in sides if side]
            return all_of(any_of(*values), *derived.guards)
        windows = fleet.windows()
        if len(windows) == 1 or rule.above:
            # The lesser of two is above a threshold where both of them are.
            return all_of(*(compared(window, operator, threshold) for window in windows))
        return compared(fleet.known(), operator, threshold)

    def _enough(self) -> list[str]:
        least = self._rule.min_count
        samples = self._fleet.samples() if least else None
        return [] if samples is None else [compared(samples, ">=", least)]

    def _without_data(self) -> list[str]:
        """Return what stands for the alerts whose value is not known, one for each kind."""
        fleet, no_data = self._fleet, self._rule.no_data
        if no_data == "ok" or not fleet.labels:
            return []
        if no_data == "keep":
            labels = self._told_apart_by()
            firing = f"{_NO_VALUE} * max by ({labels}) ({self._firing()})"
            return [f"{firing}\nunless on ({labels})\n{enclosed(self._data())}"]
        series = fleet.series()
        present = series if fleet.lasting() else f"last_over_time({series}[{_MISSED_FOR}])"
        there = f"{_NO_VALUE} * group by ({', '.join(fleet.labels)}) ({present})"
        missing = [f"{there}\nunless\n{enclosed(self._data())}"]
        if not self._rule.query.by:
            missing.append(f"{_NO_VALUE} * absent(group({series}))")
        return missing

    def _data(self) -> str:
        """Return something that has samples where there is data."""
        query, enough = self._rule.query, self._enough()
        if enough and query.derive is None and query.short is None:
            return enough[0]
        known = self._fleet.known() if query.derive is None else self._fleet.value()
        return all_of(known, *enough) if enough else known

    def _told_apart_by(self) -> str:
        """Return the labels that alerts have from their values."""
        own = dict(self._rule.labels)
        return ", ".join(label for label in self._fleet.labels if label not in own)

    def _firing(self) -> str:
        """Return the selector of this level's alerts that fire."""
        named = {
            "alertname": self._rule.alert,
            "alertstate": "firing",
            "severity": self._level.severity,
        }
        # What a template makes of a label is not known before.
        plain = {name: text for name, text in self._rule.labels if "{{" not in text}
        labels = (named | plain).items()
        return f"ALERTS{{{','.join(f'{name}={quoted(text)}' for name, text in labels)}}}"

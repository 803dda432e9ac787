"""Rule groups for Prometheus: what is recorded, then what alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from vitalspan import names
from vitalspan.artifacts.annotations import texts
from vitalspan.artifacts.documents import Lines
from vitalspan.artifacts.health import HEALTH, health_rules, recorded_scores
from vitalspan.artifacts.options import Options
from vitalspan.artifacts.recording import Recorder, Recording, shared
from vitalspan.errors import ConfigurationError
from vitalspan.health.promql import alerts_on_scores
from vitalspan.rules.model import Group, Level, Rule, RuleSet, Slo
from vitalspan.rules.operators import number
from vitalspan.rules.promql import condition
from vitalspan.signals.matching import quoted
from vitalspan.signals.units import duration_text

RATES: Final = "vitalspan:rates"
"""The group of what several groups need."""

BUDGETS: Final = "vitalspan:budgets"
"""The group of error budgets, which are long to compute and slow to change."""

_BUDGET_INTERVAL: Final = 300.0

Content = dict[str, Any]


def rule_groups(rules: RuleSet, options: Options) -> list[Content]:
    """Return the groups of a rule file of Prometheus.

    What one group needs recorded and no other, it records itself, before its alerts. The rest is
    in a group of its own, whose last values the others take.

    Args:
        rules: with the groups of the SLOs.
        options: how they are exported.

    Raises:
        ConfigurationError: for two groups of one name, or alerts that nothing tells apart.
    """
    _check(rules)
    known = _Known(rules, options)
    asked = []
    for group in rules.groups:
        recorder = _recorder(options)
        asked.append((group, recorder, _alerts(group, recorder, known)))
    budgets = _recorder(options)
    remaining = [_budget(slo, budgets) for slo in rules.slos]
    common = shared(recorder for _, recorder, _ in asked).union(
        budgets.asked,
        # A group's limit holds for the series that it records as well.
        *(recorder.asked for group, recorder, _ in asked if group.limit),
    )
    shortest = min((group.interval or options.interval for group in rules.groups), default=0.0)
    made = [
        _content(RATES, shortest, map(_recorded, sorted(common))),
        _content(HEALTH, options.interval, map(_recorded, health_rules(rules, options))),
    ]
    for group, recorder, alerts in asked:
        own = [_recorded(one) for one in recorder.asked if one not in common]
        made.append(
            _content(group.name, group.interval or options.interval, [*own, *alerts], group.limit)
        )
    made.append(_content(BUDGETS, _BUDGET_INTERVAL, map(_recorded, remaining)))
    return [content for content in made if content["rules"]]


def level_labels(rule: Rule, level: Level) -> dict[str, str]:
    """Return the labels that a level's alerts are given."""
    return {"severity": level.severity, **dict(rule.labels)}


def _recorder(options: Options) -> Recorder:
    return Recorder(per_instance=options.per_instance, prefix=options.metric_prefix)


class _Known:
    """What the alerts of all groups are written with.

    Args:
        rules: with the groups of the SLOs.
        options: how they are exported.
    """

    def __init__(self, rules: RuleSet, options: Options) -> None:
        self.options = options
        self.objectives = {slo.name: slo.objective for slo in rules.slos}
        self.scores: Mapping[str, str] = recorded_scores(rules, options)
        self.not_counted = alerts_on_scores(rules, options.metric_prefix)


def _alerts(group: Group, recorder: Recorder, known: _Known) -> list[Content]:
    alerts, options = [], known.options
    for rule in group.rules:
        for level in rule.levels:
            expr = condition(
                rule,
                level,
                per_instance=options.per_instance,
                prefix=options.metric_prefix,
                recorded=recorder,
                objectives=known.objectives,
                scores=known.scores,
                not_counted=known.not_counted,
                step=group.interval or options.interval,
            )
            alerts.append(_alert(rule, level, expr, options))
    return alerts


def _alert(rule: Rule, level: Level, expr: str, options: Options) -> Content:
    content: Content = {"alert": rule.alert, "expr": Lines(expr)}
    if rule.for_seconds:
        content["for"] = duration_text(rule.for_seconds)
    if rule.keep_firing_for:
        content["keep_firing_for"] = duration_text(rule.keep_firing_for)
    content["labels"] = level_labels(rule, level)
    content["annotations"] = texts(rule, level, options)
    return content


def _recorded(recording: Recording) -> Content:
    content: Content = {"record": recording.record, "expr": Lines(recording.expr)}
    if recording.labels:
        content["labels"] = dict(recording.labels)
    return content


def _budget(slo: Slo, recorder: Recorder) -> Recording:
    """Return what an SLO's error budget has left, from the rates of each five minutes."""
    span = f"[{duration_text(slo.window)}:{duration_text(_BUDGET_INTERVAL)}]"
    bad, events = (
        f"avg_over_time({recorder.rate(name, _BUDGET_INTERVAL)}{{slo={quoted(slo.name)}}}{span})"
        for name in (
            recorder.named(names.SLO_BAD_EVENTS.name),
            recorder.named(names.SLO_EVENTS.name),
        )
    )
    remaining = f"1 - {bad} / ({events} > 0) / (1 - {number(slo.objective)})"
    left = recorder.named(names.SLO_BUDGET.name).removesuffix("_ratio")
    name = recorder.series(left, f"ratio{duration_text(slo.window)}", level="slo")
    return Recording(name, remaining, (("slo", slo.name),))


def _content(name: str, interval: float, rules: Iterable[Content], limit: int = 0) -> Content:
    content: Content = {"name": name, "interval": duration_text(interval)}
    if limit:
        content["limit"] = limit
    content["rules"] = list(rules)
    return content


def _check(rules: RuleSet) -> None:
    groups: set[str] = {RATES, HEALTH, BUDGETS}
    alerts: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for group in rules.groups:
        if group.name in groups:
            raise ConfigurationError(f"there are two groups {group.name!r}: rename one of them")
        groups.add(group.name)
        for rule in group.rules:
            for level in rule.levels:
                alert = (rule.alert, frozenset(level_labels(rule, level).items()))
                if alert in alerts:
                    raise ConfigurationError(
                        f"there are two alerts {rule.alert!r} of severity {level.severity} and "
                        "the same labels: rename one, or give it another label"
                    )
                alerts.add(alert)

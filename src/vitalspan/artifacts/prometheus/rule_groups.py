"""Rule groups for Prometheus: recording rules, then alerting rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from vitalspan import metrics as names
from vitalspan.artifacts.options import Options
from vitalspan.artifacts.prometheus.alert_texts import texts
from vitalspan.artifacts.prometheus.health_rules import HEALTH, alert_context, health_rules
from vitalspan.artifacts.prometheus.recording_rules import RecordingRule, RecordingRules, shared
from vitalspan.artifacts.yaml_writer import BlockText
from vitalspan.compiler.condition import condition
from vitalspan.errors import ConfigurationError
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.expression import Expression, Subquery, VectorSelector, any_of, binary, call
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.model import (
    ExpressionRule,
    Level,
    RecordedExpression,
    Rule,
    RuleSet,
    Slo,
)
from vitalspan.rules.short_windows import bucket_problem, window_problem
from vitalspan.units import duration_text, range_text

RATES: Final = "vitalspan:rates"
"""The group of the rates that several groups need."""

BUDGETS: Final = "vitalspan:budgets"
"""The group of error budgets, which take long to compute and change slowly."""

_BUDGET_INTERVAL: Final = 300.0

Content = dict[str, Any]


def rule_groups(rules: RuleSet, options: Options) -> list[Content]:
    """Return the groups of a rule file of Prometheus.

    A group itself records, before its alerts, the series that no other group needs. The others are
    in a separate group, whose last values the other groups read.

    Args:
        rules: the rules, including the groups of the SLOs.
        options: how they are exported.

    Raises:
        ConfigurationError: for two groups with the same name, alerts that cannot be distinguished,
            or windows over which Prometheus cannot compute anything.
    """
    _check(rules, options)
    context = alert_context(rules, options)
    queries = []
    for group in rules.groups:
        recorder = RecordingRules(context)
        step = group.interval or options.interval
        own = replace(context, recorded=recorder, step=step)
        alerts = [
            _level_content(rule, level, own, options)
            for rule in group.rules
            for level in rule.levels
        ]
        queries.append((group, recorder, [*alerts, *map(expression_content, group.expressions)]))
    budgets = RecordingRules(context)
    remaining = [_budget(slo, budgets, context) for slo in rules.slos]
    common = shared(recorder for _, recorder, _ in queries).union(
        budgets.asked,
        # The limit of a group also applies to the series that it records.
        *(recorder.asked for group, recorder, _ in queries if group.limit),
    )
    shortest = min((group.interval or options.interval for group in rules.groups), default=0.0)
    groups = [
        _content(
            RATES, shortest, map(_recording_content, sorted(common, key=lambda one: one.order))
        ),
        _content(HEALTH, options.interval, map(_recording_content, health_rules(rules, options))),
    ]
    for group, recorder, alerts in queries:
        recorded = [_recording_content(one) for one in recorder.asked if one not in common]
        step = group.interval or options.interval
        groups.append(_content(group.name, step, [*recorded, *alerts], group.limit))
    groups.append(_content(BUDGETS, _BUDGET_INTERVAL, map(_recording_content, remaining)))
    return [content for content in groups if content["rules"]]


def level_labels(rule: Rule, level: Level) -> dict[str, str]:
    """Return the labels of a level's alerts."""
    return {"severity": level.severity, **dict(rule.labels)}


def _level_content(rule: Rule, level: Level, context: PromqlContext, options: Options) -> Content:
    expr = condition(rule, level, context)
    return _alert_content(rule, expr, level_labels(rule, level), texts(rule, level, options))


def expression_content(rule: ExpressionRule | RecordedExpression) -> Content:
    """Return a rule that is already PromQL, unchanged."""
    if isinstance(rule, RecordedExpression):
        return _recording_content(rule)
    return _alert_content(rule, rule.expr, dict(rule.labels), dict(rule.annotations))


def _alert_content(
    rule: Rule | ExpressionRule,
    expr: Expression | str,
    labels: dict[str, str],
    annotations: dict[str, str],
) -> Content:
    content: Content = {"alert": rule.alert, "expr": BlockText(expr)}
    for field, seconds in (("for", rule.for_seconds), ("keep_firing_for", rule.keep_firing_for)):
        if seconds:
            content[field] = duration_text(seconds)
    for field, pairs in (("labels", labels), ("annotations", annotations)):
        if pairs:
            content[field] = pairs
    return content


def _recording_content(rule: RecordingRule | RecordedExpression) -> Content:
    content: Content = {"record": rule.record, "expr": BlockText(rule.expr)}
    return {**content, "labels": dict(rule.labels)} if rule.labels else content


def _budget(slo: Slo, recorder: RecordingRules, context: PromqlContext) -> RecordingRule:
    """Return the share of an SLO's error budget that is left, from rates over five minutes."""
    this = (Matcher("slo", "=", slo.name),)

    def mean(family: names.Family) -> Expression:
        rate = recorder.rate(context.name(family.name), _BUDGET_INTERVAL)
        over = range_text(slo.window)
        return call("avg_over_time", Subquery(VectorSelector(rate, this), over, _BUDGET_INTERVAL))

    bad, events = mean(names.SLO_BAD_EVENTS), mean(names.SLO_EVENTS)
    spent = 1 - bad / (events > 0) / binary(1, "-", slo.objective)
    # Without events, nothing is spent.
    remaining = any_of(spent, events.compare("==", 0) + 1)
    left = context.name(names.SLO_BUDGET.name).removesuffix("_ratio")
    name = recorder.series(left, f"ratio{duration_text(slo.window)}", level="slo")
    return RecordingRule(name, remaining, (("slo", slo.name),))


def _content(name: str, interval: float, rules: Iterable[Content], limit: int = 0) -> Content:
    content: Content = {"name": name, "interval": duration_text(interval)}
    if limit:
        content["limit"] = limit
    content["rules"] = list(rules)
    return content


def _check(rules: RuleSet, options: Options) -> None:
    groups: set[str] = {RATES, HEALTH, BUDGETS}
    alerts: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for group in rules.groups:
        if group.name in groups:
            raise ConfigurationError(f"there are two groups {group.name!r}: rename one of them")
        groups.add(group.name)
        for rule in group.rules:
            problem = window_problem(rule.query, options.scrape)
            if problem:
                raise ConfigurationError(f"{rule.alert}: {problem}, or set --scrape-interval")
            problem = bucket_problem(rule, options.buckets)
            if problem:
                raise ConfigurationError(f"{rule.alert}: {problem}")
            for level in rule.levels:
                alert = (rule.alert, frozenset(level_labels(rule, level).items()))
                if alert in alerts:
                    raise ConfigurationError(
                        f"there are two alerts {rule.alert!r} of severity {level.severity} and "
                        "the same labels: rename one, or give it another label"
                    )
                alerts.add(alert)

"""Generated cases for `promtool test rules`: every alert fires and then resolves."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

from vitalspan.artifacts.options import Options
from vitalspan.artifacts.prometheus.health_rules import alert_context
from vitalspan.artifacts.prometheus.rule_groups import level_labels
from vitalspan.artifacts.promtool.batches import Case, batches, too_large
from vitalspan.artifacts.promtool.timeline import (
    Check,
    ImpossibleError,
    Timeline,
    input_step,
    inputs_of,
    objective_of,
)
from vitalspan.artifacts.promtool.timeline_planner import plan_timeline
from vitalspan.metrics import is_counter
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.matchers import Matcher, match_all, quoted
from vitalspan.rules.model import Level, Rule, RuleSet
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.promtool_series import InputSeries, Target
from vitalspan.units import duration_text

_CALLS: Final = 10.0
"""The number of calls per second; more if a rule needs more samples."""

_ANY: Final = ("x", "one", "1", "a", "other")
_SIMPLER: Final = (
    (re.compile(r"\(\?[a-zA-Z]+\)"), ""),
    (re.compile(r"\((?:\?[a-zA-Z]*:)?([^()|]*)(?:\|[^()]*)?\)"), r"\1"),
    (re.compile(r"\[(\w)[^\]]*\]"), r"\1"),
    (re.compile(r"\.\+"), "x"),
    (re.compile(r"\.?[*?]"), ""),
    (re.compile(r"[+^$]"), ""),
    (re.compile(r"\\(.)"), r"\1"),
)
"""Replacements that turn a regular expression into a match: the first of several, few repeats."""


class CaseFile(NamedTuple):
    """A file of tests.

    Attributes:
        content: its content.
        remarks: remarks for its reader.
    """

    content: dict[str, Any]
    remarks: list[str]


def case_files(
    rules: RuleSet, options: Options, rule_file: str, order: Sequence[str]
) -> dict[str, CaseFile]:
    """Return files of tests by name, one for each evaluation interval.

    Args:
        rules: the rules, including the groups of the SLOs.
        options: how they are exported.
        rule_file: the file that is tested.
        order: the groups, in the order of their evaluation.
    """
    context = alert_context(rules, options)
    cases, remarks = _cases(rules, context)
    steps = sorted({options.interval, *(case.timeline.step for case in cases)})
    files = {}
    for step in steps:
        chosen = [case for case in cases if case.timeline.step == step]
        content = {
            "rule_files": [rule_file],
            "evaluation_interval": duration_text(step),
            "group_eval_order": list(order),
            "tests": [_test(batch, context) for batch in batches(chosen, rules, context)],
        }
        usual = step == options.interval
        name = "tests.yml" if usual else f"tests-{duration_text(step)}.yml"
        files[name] = CaseFile(content, remarks if usual else [])
    return files


def _cases(rules: RuleSet, context: PromqlContext) -> tuple[list[Case], list[str]]:
    cases, remarks = [], []
    jobs: set[str] = set()
    for group in rules.groups:
        for rule in group.rules:
            for level in rule.levels:
                name = f"{rule.alert} {level.severity}"
                try:
                    case = _case(rule, level, context, _unused(name, jobs))
                    if too_large(case, rules, context):
                        raise ImpossibleError("promtool takes no query of so many samples")  # noqa: TRY301
                except ImpossibleError as why:
                    remarks.append(f"No case for {name}: {why}.")
                else:
                    cases.append(case)
    return cases, remarks


def _case(rule: Rule, level: Level, context: PromqlContext, job: str) -> Case:
    plan = plan_timeline(rule, level, context)
    shortest = min(rule.query.window, rule.query.short or rule.query.window)
    spacing = input_step(shortest, plan.step)
    return Case(rule, level, inputs_of(rule), plan, spacing, _labels(rule, job))


def _unused(name: str, names: set[str]) -> str:
    number, candidate = 1, name
    while candidate in names:
        number += 1
        candidate = f"{name} {number}"
    names.add(candidate)
    return candidate


def _labels(rule: Rule, job: str) -> dict[str, str]:
    """Return labels that a rule selects."""
    query = rule.query
    usual = {"job": job, "instance": "one", **signal_of(query).source.example}
    values = {}
    for label in dict.fromkeys([*usual, *query.by, *(one.label for one in query.where)]):
        conditions = [one for one in query.where if one.label == label]
        values[label] = _matching(label, conditions, usual.get(label))
    return {label: value for label, value in values.items() if value}


def _matching(label: str, conditions: Sequence[Matcher], usual: str | None) -> str:
    first = [] if usual is None else [usual]
    for value in (*first, *_candidates(conditions), *_ANY, ""):
        if match_all(conditions, {label: value}):
            return value
    raise ImpossibleError(f"no value of {label} was found that it selects")


def _candidates(conditions: Sequence[Matcher]) -> Iterator[str]:
    """Yield candidates for the values that conditions select."""
    for one in conditions:
        if one.operator == "=":
            yield one.value
        simple = one.value
        for pattern, first in _SIMPLER:
            simple = pattern.sub(first, simple)
        for branch in simple.split("|"):
            yield branch
            yield branch.replace(".", "x")


def _test(batch: Sequence[Case], context: PromqlContext) -> dict[str, Any]:
    return {
        "interval": duration_text(batch[0].spacing),
        "input_series": [one for case in batch for one in _inputs(case, context)],
        "promql_expr_test": [
            _expected(case, check, context) for case in batch for check in case.timeline.checks
        ],
    }


def _inputs(case: Case, context: PromqlContext) -> Iterator[dict[str, str]]:
    query = case.rule.query
    objective = objective_of(case.rule, context)
    calls = _calls(case, objective)
    seconds = query.window if query.increase else 1.0
    played = [
        case.inputs.make(
            Target(
                query,
                segment.value / seconds,
                calls * segment.faster,
                objective,
                context.boundaries,
            )
        )
        for segment in case.timeline.segments
    ]
    counts = _counts(case.timeline, case.spacing)
    for series in dict.fromkeys(series for each in played for series in each):
        runs = [(each.get(series, 0.0), count) for each, count in zip(played, counts, strict=True)]
        yield {"series": _selector(series, case, context), "values": _values(series, runs, case)}


def _calls(case: Case, objective: float) -> float:
    """Return the number of calls per second for enough calls, and for enough bad ones."""
    rule, query = case.rule, case.rule.query
    bad = case.level.threshold * (1.0 - objective) * query.window
    return max(_CALLS, float(rule.min_count), 4 * query.min_bad / bad if query.min_bad else 0.0)


def _selector(series: InputSeries, case: Case, context: PromqlContext) -> str:
    metric, more = series
    labels = case.labels | dict(more)
    pairs = ",".join(f"{name}={quoted(value)}" for name, value in labels.items())
    name = metric
    if not signal_of(case.rule.query).own_metric:
        name = context.scores.get(metric) or context.name(metric)
    return f"{name}{{{pairs}}}"


def _counts(timeline: Timeline, spacing: float) -> list[int]:
    """Return how many samples come within each segment."""
    ends = accumulate(segment.seconds for segment in timeline.segments)
    taken = [0, *(round(end / spacing) for end in ends)]
    return [after - before for before, after in pairwise(taken)]


def _values(series: InputSeries, runs: Iterable[tuple[float, int]], case: Case) -> str:
    """Return samples in promtool's notation: `0+5x20` is 0, 5, 10 and so on, 21 in all."""
    counter = is_counter(series.metric)
    last, words = 0.0, list[str]()
    for value, count in runs:
        if not count:
            continue
        increment = value * case.spacing if counter else value
        if math.isnan(value):
            words.append(f"_x{count}")
            continue
        if counter:
            start = last + increment if words else 0.0
            notation = f"{_number(start)}{'' if increment < 0 else '+'}{_number(increment)}"
        else:
            notation = _number(increment)
        words.append(f"{notation}x{count - 1 if words else count}")
        last += increment * count
    return " ".join(words)


def _number(value: float) -> str:
    text = f"{value:.12g}"
    return f"{Decimal(text):f}" if "e" in text else text


def _expected(case: Case, check: Check, context: PromqlContext) -> dict[str, Any]:
    own = ("job", "instance") if context.per_instance else ("job",)
    labels_kept = (*own, *case.rule.query.by) if signal_of(case.rule.query).groups else ()
    labels = {"alertname": case.rule.alert, "alertstate": "firing"}
    labels |= {label: case.labels[label] for label in labels_kept if label in case.labels}
    labels |= level_labels(case.rule, case.level)
    pairs = ",".join(f"{name}={quoted(value)}" for name, value in labels.items())
    alerts = f"ALERTS{{{pairs}}}"
    return {
        "expr": alerts,
        "eval_time": duration_text(check.at),
        "exp_samples": [{"labels": alerts, "value": 1}] if check.firing else [],
    }

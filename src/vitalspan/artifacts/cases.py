"""Generated cases for `promtool test rules`: every alert fires, and is gone again."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from vitalspan.artifacts.batches import Case, batches, too_large
from vitalspan.artifacts.groups import level_labels
from vitalspan.artifacts.health import recorded_scores
from vitalspan.artifacts.options import Options
from vitalspan.artifacts.players import Series, Traffic, play
from vitalspan.artifacts.timelines import Check, ImpossibleError, Timeline, input_step, timeline
from vitalspan.names import COMPONENT, OPERATION
from vitalspan.rules.model import Level, Rule, RuleSet
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.matching import Matcher, match_all, quoted
from vitalspan.signals.process import is_counter
from vitalspan.signals.promql import Selection
from vitalspan.signals.units import duration_text

_CALLS: Final = 10.0
"""A second; more where a rule asks for more samples."""

_OWN_LABELS: Final = {
    "operations": {COMPONENT: "default", OPERATION: "work"},
    "caches": {COMPONENT: "default", "cache": "pages"},
    "apis": {COMPONENT: "default", "api": "maps"},
}

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
"""What makes of an expression something that it may match: the first of several, little of many."""


@dataclass(frozen=True)
class CaseFile:
    """A file of tests.

    Attributes:
        content: what it says.
        remarks: for who reads it.
    """

    content: dict[str, Any]
    remarks: list[str] = field(default_factory=list)


def case_files(
    rules: RuleSet, options: Options, rule_file: str, order: Sequence[str]
) -> dict[str, CaseFile]:
    """Return files of tests, by name: one for each time between two evaluations.

    Args:
        rules: with the groups of the SLOs.
        options: how they are exported.
        rule_file: the file that is tested.
        order: the groups, in the order of their evaluation.
    """
    objectives = {slo.name: slo.objective for slo in rules.slos}
    cases, remarks = _cases(rules, objectives, options.interval)
    setting = _Setting(objectives, recorded_scores(rules, options), options)
    steps = sorted({options.interval, *(case.timeline.step for case in cases)})
    files = {}
    for step in steps:
        chosen = [case for case in cases if case.timeline.step == step]
        content = {
            "rule_files": [rule_file],
            "evaluation_interval": duration_text(step),
            "group_eval_order": list(order),
            "tests": [_test(batch, setting) for batch in batches(chosen, rules, options.interval)],
        }
        usual = step == options.interval
        name = "tests.yml" if usual else f"tests-{duration_text(step)}.yml"
        files[name] = CaseFile(content, remarks if usual else [])
    return files


def _cases(
    rules: RuleSet, objectives: dict[str, float], interval: float
) -> tuple[list[Case], list[str]]:
    cases, remarks = [], []
    jobs: set[str] = set()
    for group in rules.groups:
        for rule in group.rules:
            for level in rule.levels:
                name = f"{rule.alert} {level.severity}"
                objective = objectives.get(rule.query.slo or "", 0.99)
                try:
                    made = timeline(rule, level, objective, interval)
                    case = _case(rule, level, made, _unused(name, jobs))
                    if too_large(case, rules, interval):
                        raise ImpossibleError("promtool takes no query of so many samples")  # noqa: TRY301
                except ImpossibleError as why:
                    remarks.append(f"No case for {name}: {why}.")
                else:
                    cases.append(case)
    return cases, remarks


def _case(rule: Rule, level: Level, made: Timeline, job: str) -> Case:
    shortest = min(rule.query.window, rule.query.short or rule.query.window)
    return Case(rule, level, made, input_step(shortest, made.step), _labels(rule, job))


def _unused(name: str, taken: set[str]) -> str:
    number, chosen = 1, name
    while chosen in taken:
        number += 1
        chosen = f"{name} {number}"
    taken.add(chosen)
    return chosen


def _labels(rule: Rule, job: str) -> dict[str, str]:
    """Return labels that a rule selects."""
    query = rule.query
    usual = {"job": job, "instance": "one", **_OWN_LABELS.get(signal_of(query).source, {})}
    if query.series is not None:
        usual = {"job": job, "instance": "one"}
    chosen = {}
    for label in dict.fromkeys([*usual, *query.by, *(one.label for one in query.where)]):
        conditions = [one for one in query.where if one.label == label]
        chosen[label] = _matching(label, conditions, usual.get(label))
    return {label: value for label, value in chosen.items() if value}


def _matching(label: str, conditions: Sequence[Matcher], usual: str | None) -> str:
    first = [] if usual is None else [usual]
    for value in (*first, *_candidates(conditions), *_ANY, ""):
        if match_all(conditions, {label: value}):
            return value
    raise ImpossibleError(f"no value of {label} was found that it selects")


def _candidates(conditions: Sequence[Matcher]) -> Iterator[str]:
    """Yield what conditions may be about: values, and what expressions may match."""
    for one in conditions:
        if one.operator == "=":
            yield one.value
        simple = one.value
        for pattern, first in _SIMPLER:
            simple = pattern.sub(first, simple)
        for branch in simple.split("|"):
            yield branch
            yield branch.replace(".", "x")


class _Setting(NamedTuple):
    """What all tests share.

    Attributes:
        objectives: of the SLOs by name.
        scores: the recorded series that alerts read in place of each metric that is a score.
        options: how the rules are exported.
    """

    objectives: dict[str, float]
    scores: dict[str, str]
    options: Options


def _test(batch: Sequence[Case], setting: _Setting) -> dict[str, Any]:
    return {
        "interval": duration_text(batch[0].spacing),
        "input_series": [one for case in batch for one in _inputs(case, setting)],
        "promql_expr_test": [
            _expected(case, check, setting.options)
            for case in batch
            for check in case.timeline.checks
        ],
    }


def _inputs(case: Case, setting: _Setting) -> Iterator[dict[str, str]]:
    query, rule = case.rule.query, case.rule
    objective = setting.objectives.get(query.slo or "", 0.99)
    calls = max(_CALLS, float(rule.min_count))
    played = [
        play(Traffic(query, stretch.value, calls * stretch.faster, objective))
        for stretch in case.timeline.stretches
    ]
    counts = list(_counts(case.timeline, case.spacing))
    for series in dict.fromkeys(series for each in played for series in each):
        runs = [(each.get(series, 0.0), count) for each, count in zip(played, counts, strict=True)]
        yield {"series": _selector(series, case, setting), "values": _values(series, runs, case)}


def _selector(series: Series, case: Case, setting: _Setting) -> str:
    metric, more = series
    labels = case.labels | dict(more)
    told = ",".join(f"{name}={quoted(value)}" for name, value in labels.items())
    name = metric
    if case.rule.query.series is None:
        plain = Selection(prefix=setting.options.metric_prefix)
        name = setting.scores.get(metric) or plain.name(metric)
    return f"{name}{{{told}}}"


def _counts(timeline: Timeline, spacing: float) -> Iterator[int]:
    """Yield how many samples come within each stretch."""
    end, before = 0.0, 0
    for stretch in timeline.stretches:
        end += stretch.seconds
        after = round(end / spacing)
        yield after - before
        before = after


def _values(series: Series, runs: Iterable[tuple[float, int]], case: Case) -> str:
    """Return samples as promtool has them: `0+5x20` is 0, 5, 10 and so on, 21 in all."""
    counter = is_counter(series[0])
    last, words = 0.0, list[str]()
    for value, count in runs:
        if not count:
            continue
        grown = value * case.spacing if counter else value
        if math.isnan(value):
            words.append(f"_x{count}")
            continue
        if counter:
            start = last + grown if words else 0.0
            shown = f"{_number(start)}{'' if grown < 0 else '+'}{_number(grown)}"
        else:
            shown = _number(grown)
        words.append(f"{shown}x{count - 1 if words else count}")
        last += grown * count
    return " ".join(words)


def _number(value: float) -> str:
    text = f"{value:.12g}"
    return f"{Decimal(text):f}" if "e" in text else text


def _expected(case: Case, check: Check, options: Options) -> dict[str, Any]:
    own = ("job", "instance") if options.per_instance else ("job",)
    kept = (*own, *case.rule.query.by) if signal_of(case.rule.query).groups else ()
    labels = {"alertname": case.rule.alert, "alertstate": "firing"}
    labels |= {label: case.labels[label] for label in kept if label in case.labels}
    labels |= level_labels(case.rule, case.level)
    told = ",".join(f"{name}={quoted(value)}" for name, value in labels.items())
    alerts = f"ALERTS{{{told}}}"
    return {
        "expr": alerts,
        "eval_time": duration_text(check.at),
        "exp_samples": [{"labels": alerts, "value": 1}] if check.firing else [],
    }

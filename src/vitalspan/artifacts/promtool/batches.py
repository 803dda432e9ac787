"""Batches of generated promtool cases: many series are tested at once, within its limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from vitalspan.artifacts.promtool.timeline import Timeline
from vitalspan.compiler.fleet_query import line_step, training_step
from vitalspan.promql.context import PromqlContext
from vitalspan.rules.model import Level, Rule, RuleSet
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.promtool_series import Inputs
from vitalspan.signals.query import Query
from vitalspan.signals.source import REGISTRY

_MOST_TOGETHER: Final = 20
"""The maximum number of alerts that are tested at the same time, each with its own job."""

_MOST_VALUES: Final = 9000
"""The maximum number of values in one query; promtool stops it at 10,000."""

_COPIES: Final = 3
"""The number of copies of values while one value is computed from others."""


class Case(NamedTuple):
    """A test of one alert.

    Attributes:
        rule: the rule of the alert.
        level: the level of the alert.
        inputs: the series that determine the value of the rule's signal.
        timeline: the values and expectations over time.
        spacing: the number of seconds between two samples.
        labels: the labels of its series.
    """

    rule: Rule
    level: Level
    inputs: Inputs
    timeline: Timeline
    spacing: float
    labels: dict[str, str]

    @property
    def alone(self) -> bool:
        """True if series of other jobs would disturb it."""
        about_job = any(one.label == "job" for one in self.rule.query.where)
        return about_job or not signal_of(self.rule.query).groups


class _LookBack(NamedTuple):
    """The part of the past that a rule uses."""

    query: Query
    over: float
    step: float
    all_of_it: bool
    buckets: int

    def values(self, case: Case, seconds: float) -> float:
        """Return the number of values from a case that the rule uses after some time."""
        if not _related(self.query, case.rule.query):
            return 0.0
        span = self.over if self.all_of_it else min(self.over, seconds)
        both = signal_of(self.query).buckets and signal_of(case.rule.query).buckets
        return span / self.step * (self.buckets if both else _COPIES)


def batches(cases: Sequence[Case], rules: RuleSet, context: PromqlContext) -> Iterator[list[Case]]:
    """Yield the cases that are tested together.

    Args:
        cases: the cases, all with the same evaluation interval.
        rules: the rules, all of which are evaluated in each test.
        context: the context of the export.
    """
    most = min([_MOST_TOGETHER, *(group.limit for group in rules.groups if group.limit)])
    looks = _looks(rules, context)
    for case in cases:
        if case.alone:
            yield [case]
    rest = sorted((case for case in cases if not case.alone), key=_likeness)
    for _, alike in groupby(rest, lambda case: case.spacing):
        batch: list[Case] = []
        for case in alike:
            if batch and (len(batch) == most or not _fit([*batch, case], looks)):
                yield batch
                batch = []
            batch.append(case)
        yield batch


def _likeness(case: Case) -> tuple[float, float]:
    return case.spacing, case.timeline.seconds


def _fit(batch: Sequence[Case], looks: Sequence[_LookBack]) -> bool:
    seconds = max(case.timeline.seconds for case in batch)
    return all(sum(look.values(case, seconds) for case in batch) <= _MOST_VALUES for look in looks)


def too_large(case: Case, rules: RuleSet, context: PromqlContext) -> bool:
    """Return whether a test on its own is too large for promtool.

    Args:
        case: the case to test.
        rules: the rules, all of which are evaluated in each test.
        context: the context of the export.
    """
    return not _fit([case], _looks(rules, context))


def _looks(rules: RuleSet, context: PromqlContext) -> list[_LookBack]:
    looks = []
    # A quantile is computed from sums of buckets.
    buckets = 2 * (len(context.boundaries) + 1)
    for group in rules.groups:
        least = group.interval or context.step
        for rule in group.rules:
            derived = rule.query.derive
            if derived is not None and derived.kind != "change":
                anomaly = derived.kind == "anomaly"
                step = (training_step if anomaly else line_step)(derived.over, least)
                looks.append(_LookBack(rule.query, derived.over, step, anomaly, buckets))
    return looks


def _related(one: Query, other: Query) -> bool:
    """Return whether two queries may select the same series."""
    first, second = signal_of(one), signal_of(other)
    if first.source is REGISTRY is second.source:
        return not set(first.metrics).isdisjoint(second.metrics)
    return first.source is second.source

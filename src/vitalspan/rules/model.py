"""The model of a rule file: groups of rules, SLOs, and how health is scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from vitalspan.promql.matchers import Matcher
from vitalspan.rules.scoring import Scoring
from vitalspan.signals.query import Query

Severity = Literal["info", "warning", "error", "critical"]
NoData = Literal["ok", "alert", "keep"]

SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error", "critical")
"""The least severe first."""

Pairs = tuple[tuple[str, str], ...]
"""Names with their texts, in the order of the file."""


@dataclass(frozen=True)
class Level:
    """A severity and the threshold that it begins at.

    Attributes:
        severity: one of `SEVERITIES`.
        threshold: in the base unit; the condition holds strictly beyond it.
        clear: the value that a firing alert must come back to; None is the threshold.
    """

    severity: Severity
    threshold: float
    clear: float | None = None


@dataclass(frozen=True)
class Rule:
    """A rule on a signal: its thresholds, and for how long they must be crossed.

    Attributes:
        alert: its name.
        query: the signal.
        above: whether values above the thresholds are bad, or values below them.
        levels: at least one, the least severe first, thresholds ever further out.
        for_seconds: how long a condition holds before the alert fires.
        keep_firing_for: seconds that it goes on firing after the condition has ended.
        labels: added to the alert; they may not be `alertname` or `severity`.
        annotations: texts for people, with `{{ $value }}` and `{{ $labels.name }}`.
        min_count: with fewer samples in the window there is no data.
        no_data: what happens without data: `ok`, `alert`, or `keep` to leave everything as it is.
    """

    alert: str
    query: Query
    above: bool
    levels: tuple[Level, ...]
    for_seconds: float = 0.0
    keep_firing_for: float = 0.0
    labels: Pairs = ()
    annotations: Pairs = ()
    min_count: int = 0
    no_data: NoData = "ok"


@dataclass(frozen=True)
class ExpressionRule:
    """A rule on a PromQL expression, with an alert for each element of its result.

    Attributes:
        alert: its name.
        expr: the expression.
        for_seconds: how long an element is there before its alert fires.
        keep_firing_for: seconds that an alert goes on firing after its element has gone.
        labels: added to those of the element; Go templates.
        annotations: texts for people; Go templates.
    """

    alert: str
    expr: str
    for_seconds: float = 0.0
    keep_firing_for: float = 0.0
    labels: Pairs = ()
    annotations: Pairs = ()


@dataclass(frozen=True)
class RecordedExpression:
    """A recording rule: the result of an expression becomes series of a name.

    Attributes:
        record: the name.
        expr: the expression.
        labels: added to those of the result, or instead of them.
    """

    record: str
    expr: str
    labels: Pairs = ()


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together.

    Attributes:
        name: unique in a file.
        rules: those on signals, in the order of the file.
        interval: seconds between two evaluations; None is every tick.
        limit: alerts that one rule may have at most, 0 for any number; beyond it the rule fails
            and has none, as in Prometheus.
        expressions: the rules that are PromQL, in the order of the file; they are evaluated one
            after the other, so one may use what another has recorded.
    """

    name: str
    rules: tuple[Rule, ...]
    interval: float | None = None
    limit: int = 0
    expressions: tuple[ExpressionRule | RecordedExpression, ...] = ()


@dataclass(frozen=True)
class SloAlert:
    """The alert of one severity of an SLO.

    Attributes:
        of: the severity that the alerts have by themselves, critical or warning.
        severity: the one that they are raised as; None switches them off.
        labels: put on these alerts.
        annotations: texts for people.
    """

    of: Severity
    severity: Severity | None
    labels: Pairs = ()
    annotations: Pairs = ()


@dataclass(frozen=True)
class CounterSelector:
    """Counters of the registry.

    Attributes:
        series: the metric that they are of.
        where: conditions on their labels.
    """

    series: str
    where: tuple[Matcher, ...] = ()


@dataclass(frozen=True)
class CountedEvents:
    """Events of an SLO that counters of the registry count.

    Attributes:
        total: the counters of all events.
        judged: those of the good events, or of the bad ones.
        judged_are_good: which of the two.
    """

    total: CounterSelector
    judged: CounterSelector
    judged_are_good: bool


@dataclass(frozen=True)
class Slo:
    """A service level objective.

    Attributes:
        name: unique in a file; the `slo` label of its series.
        where: which operations count, or which counters.
        objective: the share of events that should be good, between 0 and 1.
        under: seconds that a good call may take at most; None means that good calls have no error.
        window: seconds that the error budget is for.
        labels: added to its alerts.
        annotations: texts for people.
        min_count: with fewer events in its longer window an alert does not fire.
        min_bad: with fewer bad ones among them it does not fire either.
        alert: the name of its alerts; empty makes one of the SLO's name.
        alerts: how they are raised, where that is not as they are by themselves.
        good: conditions on the labels of good calls, all others being bad.
        bad: conditions on the labels of bad calls, all others being good.
        by: labels whose values have error budgets and alerts of their own.
        counted: the counters whose events are judged instead of calls.
    """

    name: str
    objective: float
    where: tuple[Matcher, ...] = ()
    under: float | None = None
    window: float = 30 * 86400.0
    labels: Pairs = ()
    annotations: Pairs = ()
    min_count: int = 0
    min_bad: int = 2
    alert: str = ""
    alerts: tuple[SloAlert, ...] = ()
    good: tuple[Matcher, ...] = ()
    bad: tuple[Matcher, ...] = ()
    by: tuple[str, ...] = ()
    counted: CountedEvents | None = None


@dataclass(frozen=True)
class RuleSet:
    """The definitions of a rule file."""

    groups: tuple[Group, ...] = ()
    slos: tuple[Slo, ...] = ()
    health: Scoring | None = None

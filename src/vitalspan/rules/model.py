"""The model of a rule file: groups of rules, SLOs, and the scoring of health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from vitalspan.promql.matchers import Matcher
from vitalspan.rules.scoring import Scoring
from vitalspan.signals.query import Query

Severity = Literal["info", "warning", "error", "critical"]
NoData = Literal["ok", "alert", "keep"]

SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error", "critical")
"""All severities, the least severe first."""

Pairs = tuple[tuple[str, str], ...]
"""Names and texts, in the order of the file."""


@dataclass(frozen=True)
class Level:
    """A severity and its threshold.

    Attributes:
        severity: one of `SEVERITIES`.
        threshold: the threshold in the base unit; the condition holds strictly beyond it.
        clear: the value to which a firing alert must return; None is the threshold.
    """

    severity: Severity
    threshold: float
    clear: float | None = None


@dataclass(frozen=True)
class Rule:
    """A rule on a signal: its thresholds, and how long they must be crossed.

    Attributes:
        alert: the name of the alert.
        query: the signal.
        above: whether values above the thresholds are bad, rather than values below them.
        levels: at least one, the least severe first, with increasingly extreme thresholds.
        for_seconds: how long a condition has to hold before the alert fires.
        keep_firing_for: seconds that it keeps firing after the condition has ended.
        labels: labels of the alert; they may not be `alertname` or `severity`.
        annotations: texts for people, with `{{ $value }}` and `{{ $labels.name }}`.
        min_count: the minimum number of samples in the window; with fewer there is no data.
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
        alert: the name of the alert.
        expr: the expression.
        for_seconds: how long an element has to exist before its alert fires.
        keep_firing_for: seconds that an alert keeps firing after its element has gone.
        labels: labels in addition to those of the element; Go templates.
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
    """A recording rule: the result of an expression is stored under a name.

    Attributes:
        record: the name.
        expr: the expression.
        labels: labels that are added to the result, or replaced in it.
    """

    record: str
    expr: str
    labels: Pairs = ()


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together.

    Attributes:
        name: unique in a file.
        rules: the rules on signals, in the order of the file.
        interval: seconds between two evaluations; None is every tick.
        limit: the maximum number of alerts of one rule, 0 for no limit; beyond it the rule fails
            and has no alerts, as in Prometheus.
        expressions: the PromQL rules, in the order of the file; they are evaluated one after the
            other, so one may use what another one has recorded.
    """

    name: str
    rules: tuple[Rule, ...]
    interval: float | None = None
    limit: int = 0
    expressions: tuple[ExpressionRule | RecordedExpression, ...] = ()


@dataclass(frozen=True)
class SloAlert:
    """The settings of an SLO's alerts of one severity.

    Attributes:
        of: the default severity of the alerts, critical or warning.
        severity: their actual severity; None disables them.
        labels: labels of these alerts.
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
        series: the metric of the counters.
        where: matchers of their labels.
    """

    series: str
    where: tuple[Matcher, ...] = ()


@dataclass(frozen=True)
class CountedEvents:
    """Events of an SLO that are counted by counters of the registry.

    Attributes:
        total: the counters of all events.
        judged: the counters of the good events, or of the bad ones.
        judged_are_good: whether `judged` counts the good events.
    """

    total: CounterSelector
    judged: CounterSelector
    judged_are_good: bool


@dataclass(frozen=True)
class Slo:
    """A service level objective.

    Attributes:
        name: unique in a file; the `slo` label of its series.
        where: matchers of the operations or counters.
        objective: the target ratio of good events, between 0 and 1.
        under: the maximum duration of a good call in seconds; None means that good calls have no
            error.
        window: the length of the error budget's window in seconds.
        labels: labels of its alerts.
        annotations: texts for people.
        min_count: the minimum number of events in its longer window for an alert to fire.
        min_bad: the minimum number of bad events in it for an alert to fire.
        alert: the name of its alerts; by default it is made from the SLO's name.
        alerts: the settings of its alerts, if they differ from the defaults.
        good: matchers of the labels of good calls, all others being bad.
        bad: matchers of the labels of bad calls, all others being good.
        by: labels whose values have separate error budgets and alerts.
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
    """The definitions in rule files."""

    groups: tuple[Group, ...] = ()
    slos: tuple[Slo, ...] = ()
    health: Scoring | None = None

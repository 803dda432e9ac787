"""What a rule file says, checked: groups of rules, SLOs, and how health is scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from vitalspan.rules.scoring import Scoring
from vitalspan.signals.matching import Matcher
from vitalspan.signals.query import Query

Severity = Literal["info", "warning", "error", "critical"]
NoData = Literal["ok", "alert", "keep"]

SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error", "critical")
"""The least severe first."""

Pairs = tuple[tuple[str, str], ...]
"""Names with their texts, in the order of the file."""


@dataclass(frozen=True)
class Level:
    """A severity and what it begins at.

    Attributes:
        severity: one of `SEVERITIES`.
        threshold: in the base unit; the condition holds strictly beyond it.
        clear: what a firing alert must come back to; the threshold where None.
    """

    severity: Severity
    threshold: float
    clear: float | None = None


@dataclass(frozen=True)
class Rule:
    """One alert: a signal, what it is compared with, and for how long.

    Attributes:
        alert: its name.
        query: the signal.
        above: whether values above the thresholds are the bad ones, or those below.
        levels: at least one, the least severe first, thresholds ever further out.
        for_seconds: how long a condition holds before the alert fires.
        keep_firing_for: seconds that it fires on after the condition has ended.
        labels: put on the alert; may not be `alertname` or `severity`.
        annotations: texts for people, with `{{ $value }}` and `{{ $labels.name }}`.
        min_count: with fewer samples in the window there is no data.
        no_data: what to do without data: take it as fine, as bad, or leave everything as it is.
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
class Group:
    """Rules that are evaluated together.

    Attributes:
        name: unique in a file.
        rules: in the order of the file.
        interval: seconds between two evaluations; None is every tick.
        limit: alerts that one rule may have at most, 0 for any number; beyond it the rule fails
            and has none, as in Prometheus.
    """

    name: str
    rules: tuple[Rule, ...]
    interval: float | None = None
    limit: int = 0


@dataclass(frozen=True)
class Slo:
    """A service level objective.

    Attributes:
        name: unique in a file; the `slo` label of its series.
        where: which operations count.
        objective: the share of events that shall be good, between 0 and 1.
        under: seconds that a good call takes at most; None asks for calls without errors.
        window: seconds that the error budget is for.
        labels: put on its alerts.
        annotations: texts for people.
    """

    name: str
    objective: float
    where: tuple[Matcher, ...] = ()
    under: float | None = None
    window: float = 30 * 86400.0
    labels: Pairs = ()
    annotations: Pairs = ()


@dataclass(frozen=True)
class RuleSet:
    """Everything that one file defines."""

    groups: tuple[Group, ...] = ()
    slos: tuple[Slo, ...] = ()
    health: Scoring | None = None

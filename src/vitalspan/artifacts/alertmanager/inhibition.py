"""Inhibition rules for Alertmanager: only the worst severity of an alert notifies."""

from __future__ import annotations

from typing import Any, Final

from vitalspan.promql.matchers import quoted
from vitalspan.rules.model import SEVERITIES, Rule, RuleSet, Severity

_APART: Final = ("long_window",)
"""The labels in which alerts about the same problem differ."""


def inhibit_rules(rules: RuleSet, *, per_instance: bool) -> list[dict[str, Any]]:
    """Return rules that mute an alert while the same alert fires with a higher severity.

    In the process, all severities of a rule are one alert; in Prometheus each has its own.

    Args:
        rules: the rules, including the groups of the SLOs.
        per_instance: whether each instance has its own alerts.
    """
    own = ("job", "instance") if per_instance else ("job",)
    matters: dict[tuple[str, tuple[str, ...]], set[Severity]] = {}
    for group in rules.groups:
        for rule in group.rules:
            severities = matters.setdefault((rule.alert, (*own, *_labels(rule))), set())
            severities.update(level.severity for level in rule.levels)
    return [
        {
            "source_matchers": [_name(alert), _severities([severity])],
            "target_matchers": [_name(alert), _severities(lower)],
            "equal": list(labels),
        }
        for (alert, labels), severities in matters.items()
        for severity, lower in _lower(severities)
    ]


def _labels(rule: Rule) -> list[str]:
    return sorted({*rule.query.by, *dict(rule.labels)} - {*_APART, "job", "instance"})


def _lower(severities: set[Severity]) -> list[tuple[Severity, list[Severity]]]:
    """Return each severity with those below it, the worst first; those without any are left out."""
    present = [severity for severity in SEVERITIES if severity in severities]
    return [(present[place], present[:place]) for place in range(len(present) - 1, 0, -1)]


def _severities(lower: list[Severity]) -> str:
    operator = "=" if len(lower) == 1 else "=~"
    return f"severity{operator}{quoted('|'.join(lower))}"


def _name(alert: str) -> str:
    return f"alertname={quoted(alert)}"

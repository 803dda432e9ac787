"""What tells one alert from another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from vitalspan.rules.alert import Alert

Identity = frozenset[tuple[str, str]]

MAX_REMEMBERED: Final = 10_000
"""Alerts that are kept in mind for one receiver; beyond it those that ended first are forgotten."""

_OFFSET: Final = 14695981039346656037
_PRIME: Final = 1099511628211
_MASK: Final = 2**64 - 1


def label_set(alert: Alert) -> Identity:
    """Return all labels: what Alertmanager tells alerts apart by."""
    return frozenset(alert.labels.items())


def identity(alert: Alert) -> Identity:
    """Return all labels but the severity, which changes while an alert lives."""
    return frozenset(pair for pair in alert.labels.items() if pair[0] != "severity")


def silenced(alert: Alert, now: float) -> bool:
    """Whether nobody is to be told now."""
    return alert.silenced_until > now


def prevails(alert: Alert, other: Alert) -> bool:
    """Whether an alert, of two with the same labels, is the one that counts."""
    return _rank(alert) > _rank(other)


def _rank(alert: Alert) -> tuple[bool, float, float, str]:
    # What fires goes before what has ended, and a later one before an earlier one. The id makes
    # the choice between two rules with the same labels the same at every tick.
    return alert.state == "firing", alert.fired_at or 0.0, alert.resolved_at or 0.0, alert.id


def surplus(alerts: Mapping[Identity, Alert]) -> list[Identity]:
    """Return which of too many alerts to forget: those that ended first."""
    over = [key for key, alert in alerts.items() if alert.state == "resolved"]
    over.sort(key=lambda key: alerts[key].resolved_at or 0.0)
    return over[: max(0, len(alerts) - MAX_REMEMBERED)]


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the hash of labels as Prometheus and Alertmanager write it: FNV-1a, 64 bits."""
    value = _OFFSET
    for byte in _bytes(sorted(labels.items())):
        value = (value ^ byte) * _PRIME & _MASK
    return f"{value:016x}"


def _bytes(pairs: Iterable[tuple[str, str]]) -> Iterable[int]:
    for pair in pairs:
        for text in pair:
            yield from text.encode("utf-8", "replace")
            yield 0xFF

"""Identities and fingerprints of alerts: which labels tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeVar

from vitalspan.rules.alert import Alert

Identity = frozenset[tuple[str, str]]

MAX_REMEMBERED: Final = 10_000
"""Alerts that are remembered for one receiver; beyond it, those that ended first are forgotten."""

_OFFSET: Final = 14695981039346656037
_PRIME: Final = 1099511628211
_MASK: Final = 2**64 - 1


def label_set(alert: Alert) -> Identity:
    """Return all labels, by which Alertmanager tells alerts apart."""
    return frozenset(alert.labels.items())


def identity(alert: Alert) -> Identity:
    """Return all labels except the severity, which can change while an alert lives."""
    return frozenset(pair for pair in alert.labels.items() if pair[0] != "severity")


def silenced(alert: Alert, now: float) -> bool:
    """Return whether nobody is notified of an alert at a time, in Unix seconds."""
    return alert.silenced_until > now


def most_relevant_by_key(
    alerts: Iterable[Alert], key: Callable[[Alert], Identity]
) -> dict[Identity, Alert]:
    """Return the most relevant alert of those that share a key, for each key.

    Args:
        alerts: in any order.
        key: what tells them apart.
    """
    relevant: dict[Identity, Alert] = {}
    for alert in alerts:
        alert_key = key(alert)
        if alert_key not in relevant or _rank(alert) > _rank(relevant[alert_key]):
            relevant[alert_key] = alert
    return relevant


def _rank(alert: Alert) -> tuple[bool, float, float, str]:
    # What fires goes before what has ended, and a later one before an earlier one. The id makes
    # the choice between two rules with the same labels the same at every tick.
    return alert.state == "firing", alert.fired_at or 0.0, alert.resolved_at or 0.0, alert.id


class Remembered(Protocol):
    """The facts about an alert that a plan remembers."""

    alert: Alert


R = TypeVar("R", bound=Remembered)


def forget_surplus(entries: dict[Identity, R]) -> int:
    """Remove the alerts that ended first while there are too many; return how many were removed."""
    if len(entries) <= MAX_REMEMBERED:
        return 0
    ended = [key for key, entry in entries.items() if entry.alert.state == "resolved"]
    ended.sort(key=lambda key: entries[key].alert.resolved_at or 0.0)
    forgotten = ended[: len(entries) - MAX_REMEMBERED]
    for key in forgotten:
        del entries[key]
    return len(forgotten)


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

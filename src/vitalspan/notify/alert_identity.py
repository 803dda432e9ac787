"""Identities and fingerprints of alerts: the labels that distinguish them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeVar

from vitalspan.rules.alert import Alert

Identity = frozenset[tuple[str, str]]

MAX_REMEMBERED: Final = 10_000
"""The number of alerts remembered per receiver; beyond it, those that ended first are dropped."""

_OFFSET: Final = 14695981039346656037
_PRIME: Final = 1099511628211
_MASK: Final = 2**64 - 1


def label_set(alert: Alert) -> Identity:
    """Return all labels, which identify an alert in Alertmanager."""
    return frozenset(alert.labels.items())


def identity(alert: Alert) -> Identity:
    """Return all labels except the severity, which may change during the life of an alert."""
    return frozenset(pair for pair in alert.labels.items() if pair[0] != "severity")


def silenced(alert: Alert, now: float) -> bool:
    """Return whether an alert is silenced at a time, in Unix seconds."""
    return alert.silenced_until > now


def most_relevant_by_key(
    alerts: Iterable[Alert], key: Callable[[Alert], Identity]
) -> dict[Identity, Alert]:
    """Return the most relevant alert for each key.

    Args:
        alerts: the alerts, in any order.
        key: returns the key of an alert.
    """
    relevant: dict[Identity, Alert] = {}
    for alert in alerts:
        alert_key = key(alert)
        if alert_key not in relevant or _rank(alert) > _rank(relevant[alert_key]):
            relevant[alert_key] = alert
    return relevant


def _rank(alert: Alert) -> tuple[bool, float, float, str]:
    # Firing alerts come before ended ones, and later ones before earlier ones. The id makes the
    # choice between two rules with the same labels stable.
    return alert.state == "firing", alert.fired_at or 0.0, alert.resolved_at or 0.0, alert.id


class Remembered(Protocol):
    """The data about an alert that a plan remembers."""

    alert: Alert


R = TypeVar("R", bound=Remembered)


def forget_surplus(entries: dict[Identity, R]) -> int:
    """Remove the alerts that ended first if there are too many; return the number removed."""
    if len(entries) <= MAX_REMEMBERED:
        return 0
    ended = [key for key, entry in entries.items() if entry.alert.state == "resolved"]
    ended.sort(key=lambda key: entries[key].alert.resolved_at or 0.0)
    forgotten = ended[: len(entries) - MAX_REMEMBERED]
    for key in forgotten:
        del entries[key]
    return len(forgotten)


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the hash of labels in the format of Prometheus and Alertmanager: FNV-1a, 64 bits."""
    value = _OFFSET
    for byte in _bytes(sorted(labels.items())):
        value = (value ^ byte) * _PRIME & _MASK
    return f"{value:016x}"


def _bytes(pairs: Iterable[tuple[str, str]]) -> Iterable[int]:
    for pair in pairs:
        for text in pair:
            yield from text.encode("utf-8", "replace")
            yield 0xFF

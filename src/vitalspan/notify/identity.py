"""What tells one alert from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeVar

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


def prevailing(alerts: Iterable[Alert], key: Callable[[Alert], Identity]) -> dict[Identity, Alert]:
    """Return for each key the alert that counts, of those that share it.

    Args:
        alerts: in any order.
        key: what tells them apart.
    """
    found: dict[Identity, Alert] = {}
    for alert in alerts:
        known = key(alert)
        if known not in found or _rank(alert) > _rank(found[known]):
            found[known] = alert
    return found


def _rank(alert: Alert) -> tuple[bool, float, float, str]:
    # What fires goes before what has ended, and a later one before an earlier one. The id makes
    # the choice between two rules with the same labels the same at every tick.
    return alert.state == "firing", alert.fired_at or 0.0, alert.resolved_at or 0.0, alert.id


class Remembered(Protocol):
    """What is kept in mind of an alert."""

    alert: Alert


R = TypeVar("R", bound=Remembered)


def forget_surplus(entries: dict[Identity, R]) -> int:
    """Take out of too many entries those whose alerts ended first; return how many that were."""
    if len(entries) <= MAX_REMEMBERED:
        return 0
    over = [key for key, entry in entries.items() if entry.alert.state == "resolved"]
    over.sort(key=lambda key: entries[key].alert.resolved_at or 0.0)
    forgotten = over[: len(entries) - MAX_REMEMBERED]
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

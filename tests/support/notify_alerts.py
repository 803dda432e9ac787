"""Alerts for tests of notifications."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vitalspan.rules.alert import Alert

START = 1_700_000_000.0
"""The start of the alerts in Unix seconds."""


def firing(
    name: str = "CheckoutSlow",
    severity: str = "warning",
    *,
    known_as: str = "",
    at: float = START,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **fields: Any,
) -> Alert:
    """A firing alert."""
    own = labels or {}
    return Alert(
        id=known_as or "-".join([name, *own.values()]),
        alertname=name,
        type="latency_p95",
        severity=severity,
        state="firing",
        labels={"alertname": name, "severity": severity, **own},
        annotations={"summary": "Checkout is slow"} if annotations is None else annotations,
        message="p95 is 700ms, over 500ms",
        value=0.7,
        threshold=0.5,
        active_at=at - 60,
        fired_at=at,
        **fields,
    )


def resolved(alert: Alert, at: float) -> Alert:
    """The same alert after its end."""
    return replace(alert, state="resolved", resolved_at=at)


def graded(alert: Alert, severity: str) -> Alert:
    """The same alert with another severity."""
    labels = {**alert.labels, "severity": severity}
    return replace(alert, severity=severity, labels=labels)

"""The severities for the `severity` label of Prometheus rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SEVERITIES: Final[Mapping[str, str]] = {
    "page": "critical",
    "ticket": "warning",
    "none": "info",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "critical": "critical",
}
"""Severities by the usual values of the label."""

_OTHER: Final = "warning"


def severity_of(label: str) -> str:
    """Return the severity for a value of the label; a warning for other values or none."""
    return _SEVERITIES.get(label.lower(), _OTHER)

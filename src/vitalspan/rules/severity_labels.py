"""The severity that the label `severity` of a Prometheus rule stands for."""

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
"""Severities by the words that are usual in the label."""

_OTHER: Final = "warning"


def severity_of(label: str) -> str:
    """Return the severity of an alert with this label: a warning for another word or none."""
    return _SEVERITIES.get(label.lower(), _OTHER)

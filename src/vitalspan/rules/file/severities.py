"""Reads severities, including the terms of SLO tools for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from vitalspan.configfile.nodes import Node, Scalar
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import choice_of
from vitalspan.rules.model import SEVERITIES, Severity
from vitalspan.words import shown, suggestion

_SYNONYMS: Final[Mapping[str, Severity]] = {"page": "critical", "ticket": "warning"}
"""An alert that needs action at once, and one that can wait for working hours."""

_NAMES: Final[Mapping[str, Severity]] = {**{name: name for name in SEVERITIES}, **_SYNONYMS}


def severity_named(name: str) -> Severity | None:
    """Return the severity for a word; None for any other word."""
    return _NAMES.get(name)


def unknown_severity(name: str) -> str:
    """Return the message about an unknown severity."""
    return f"unknown severity {shown(name)}: {suggestion(name, SEVERITIES)}"


def read_severity(node: Node, report: Report) -> Severity | None:
    """Return a severity; None for anything else, which is reported as a mistake."""
    synonym = _SYNONYMS.get(str(node.content)) if isinstance(node, Scalar) else None
    return synonym or cast("Severity | None", choice_of(node, SEVERITIES, report))

"""Severities: those of alerts, and the words that SLO tools and labels have for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node, Place, Scalar
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


def severity_of_label(label: str) -> Severity:
    """Return the severity that the label `severity` of a Prometheus rule stands for.

    A word that is no severity stands for a warning, and so does none at all.
    """
    name = label.lower()
    return "info" if name == "none" else severity_named(name) or "warning"


def entries_by_severity(
    fields: Fields, field: str, usable: str
) -> Iterator[tuple[Severity, Place, Node]]:
    """Yield the entries of a mapping whose names are severities, each once; others are reported.

    Args:
        fields: the fields with the mapping.
        field: the field of the mapping.
        usable: an example of a right one.
    """
    severities: set[Severity] = set()
    for name, key, node in fields.entries_of(field, usable):
        severity = severity_named(name)
        if severity is None:
            problem = f"unknown severity {shown(name)}: {suggestion(name, SEVERITIES)}"
            fields.report.wrong(key, problem)
        elif severity in severities:
            fields.report.wrong(key, f"{severity} is given twice: keep one of them")
        else:
            severities.add(severity)
            yield severity, key, node


def read_severity(node: Node, report: Report) -> Severity | None:
    """Return a severity; None for anything else, which is reported as a mistake."""
    synonym = _SYNONYMS.get(str(node.content)) if isinstance(node, Scalar) else None
    return synonym or cast("Severity | None", choice_of(node, SEVERITIES, report))

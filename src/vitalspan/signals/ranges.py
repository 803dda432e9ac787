"""The possible values of a signal: a threshold beyond them is a mistake."""

from __future__ import annotations

import math
from typing import NamedTuple

from vitalspan.configfile.nodes import Node, Scalar
from vitalspan.configfile.values import is_number
from vitalspan.signals.catalogue import signal_of, subject_of, unit_of
from vitalspan.signals.query import Query
from vitalspan.units import RATIO, Unit, value_text


class Range(NamedTuple):
    """The possible values of something that is compared.

    Attributes:
        subject: its name in a sentence.
        unit: the unit of the values.
        low: the minimum.
        high: the maximum.
    """

    subject: str
    unit: Unit
    low: float
    high: float


def range_of(query: Query, objective: float | None = None) -> Range:
    """Return the possible values of a query.

    Args:
        query: the query.
        objective: the objective of the SLO of a burn rate, if it is known.
    """
    plain = plain_range(query, objective)
    derived = query.derive
    if derived is None:
        return plain
    name = plain.subject
    subject = f"the {derived.kind} of {name}"
    if derived.kind == "slope":
        subject = signal_of(query).slope_name or subject
    if derived.kind == "until":
        subject = f"the time until {name} reaches {value_text(derived.limit, plain.unit)}"
    lowest = {"change": -1.0 if plain.low == 0 else -math.inf, "until": 0.0, "anomaly": 0.0}
    return Range(subject, unit_of(query), lowest.get(derived.kind, -math.inf), math.inf)


def plain_range(query: Query, objective: float | None = None) -> Range:
    """Return the possible values of a query's signal, before its derivation.

    Args:
        query: the query.
        objective: the objective of the SLO of a burn rate, if it is known.
    """
    signal = signal_of(query)
    high = signal.highest_value(objective)
    if query.increase:
        return Range(f"the {subject_of(query)}", unit_of(query), signal.lowest, high)
    return Range(signal.name, signal.unit, signal.lowest, high)


def not_crossed(values: Range, threshold: float, node: Node, *, above: bool) -> str:
    """Return why a threshold is never crossed, or always; empty for a good one."""
    subject, unit, low, high = values
    if above and threshold >= high:
        hint = _percent(node, unit) or f"use less than {value_text(high, unit)}"
        return f"{subject} is never above {value_text(high, unit)}: {hint}"
    if above and threshold < low:
        hint = f"use {value_text(low, unit)} or more"
        return f"{subject} is always above {value_text(threshold, unit)}: {hint}"
    if not above and threshold <= low:
        hint = f"use more than {value_text(low, unit)}"
        return f"{subject} is never below {value_text(low, unit)}: {hint}"
    if not above and threshold > high:
        hint = _percent(node, unit) or f"use {value_text(high, unit)} or less"
        return f"{subject} is always below {value_text(threshold, unit)}: {hint}"
    return ""


def never_reached(values: Range, value: float, node: Node) -> str:
    """Return why a signal never reaches a value; empty if it can."""
    subject, unit, low, high = values
    if low <= value <= high:
        return ""
    limits = f"{value_text(low, unit)} to {value_text(high, unit)}"
    if math.isinf(high):
        limits = f"{value_text(low, unit)} or more"
    hint = _percent(node, unit) or f"use {limits}"
    return f"{subject} is never {value_text(value, unit)}: {hint}"


def _percent(node: Node, unit: Unit) -> str:
    """Ask whether a plain number is meant as a percentage."""
    content = node.content if isinstance(node, Scalar) else None
    if unit != RATIO or content is None or not is_number(str(content)):
        return ""
    return f"did you mean {str(content).strip()}%?" if 1 < float(content) < 100 else ""

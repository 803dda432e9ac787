"""Reads thresholds by severity, and the values at which alerts clear."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple, cast

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Entries, Node, is_nothing
from vitalspan.configfile.values import value_of
from vitalspan.rules.model import SEVERITIES, Level, Severity
from vitalspan.rules.severities import entries_by_severity, read_severity, severity_named
from vitalspan.signals.ranges import Range, not_crossed
from vitalspan.units import value_text

FIELDS: Final = ("above", "below", "clear", "severity")

_DEFAULT: Final[Severity] = "warning"


class Thresholds(NamedTuple):
    """The thresholds of a rule."""

    above: bool
    levels: tuple[Level, ...]


class _Limit(NamedTuple):
    """A value of one severity, and its place; None if it is invalid."""

    node: Node
    value: float | None


_Limits = dict[Severity, _Limit]


def read_thresholds(fields: Fields, values: Range | None) -> Thresholds | None:
    """Return the levels, the least severe first; None if there are none.

    Args:
        fields: the fields of a rule.
        values: the range of the compared values; None if it is unknown.
    """
    names = [name for name in ("above", "below") if name in fields]
    if not names:
        fields.missing(("above", "below"), "add a threshold, such as above: 500ms")
        return None
    if len(names) > 1:
        fields.wrong("above and below are both given: keep one of them", "below")
    above = names[0] == "above"
    limits = _limits(fields, names[0], values)
    clears = _clears(fields, limits, values)
    if values is None or not limits or any(one.value is None for one in limits.values()):
        return None
    _check_limits(fields, limits, values, above=above)
    _check_clears(fields, limits, clears, values, above=above)
    levels = (
        Level(severity, cast("float", limits[severity].value), _value(clears.get(severity)))
        for severity in SEVERITIES
        if severity in limits
    )
    return Thresholds(above, tuple(levels))


def _value(limit: _Limit | None) -> float | None:
    return None if limit is None else limit.value


def _limits(fields: Fields, field: str, values: Range | None) -> _Limits:
    node = fields.get(field)
    if isinstance(node, Entries):
        _refuse_severity(fields)
        limits = _by_severity(fields, field, values)
        if not limits and not node.fields:
            fields.report.wrong(node.place, f"has no threshold: use {_usable(values)}")
        return limits
    severity = _single_severity(fields)
    return {} if node is None else {severity: _Limit(node, _read(node, values, fields))}


def _usable(values: Range | None) -> str:
    return f"a value such as {{warning: {value_text(1.0, values.unit) if values else 1}}}"


def _by_severity(fields: Fields, field: str, values: Range | None) -> _Limits:
    entries = entries_by_severity(fields, field, "values by severity")
    limits = {severity: _Limit(node, _read(node, values, fields)) for severity, _, node in entries}
    return {severity: limits[severity] for severity in SEVERITIES if severity in limits}


def _read(node: Node, values: Range | None, fields: Fields) -> float | None:
    if values is not None:
        return value_of(node, values.unit, fields.report)
    if is_nothing(node):
        fields.report.wrong(node.place, "has no value: use a threshold")
    return None


def _single_severity(fields: Fields) -> Severity:
    labels = fields.get("labels")
    label = labels.fields.get("severity") if isinstance(labels, Entries) else None
    node = fields.get("severity")
    if node is not None and label is not None:
        fields.report.wrong(label.key, "severity is given twice: keep the field, not the label")
    node = node or (label.value if label else None)
    severity = None if node is None else read_severity(node, fields.report)
    return severity or _DEFAULT


def _refuse_severity(fields: Fields) -> None:
    labels = fields.get("labels")
    places = [fields.key("severity")] if "severity" in fields else []
    if isinstance(labels, Entries) and "severity" in labels.fields:
        places.append(labels.fields["severity"].key)
    for place in places:
        fields.report.wrong(place, "each threshold has a severity of its own: leave this one out")


def _clears(fields: Fields, limits: _Limits, values: Range | None) -> _Limits:
    """Return the clear value of each level."""
    node = fields.get("clear")
    if node is None:
        return {}
    if not isinstance(node, Entries):
        limit = _Limit(node, _read(node, values, fields))
        return dict.fromkeys(limits, limit)
    clears = _by_severity(fields, "clear", values)
    places = {severity_named(name): entry.key for name, entry in node.fields.items()}
    for severity in [one for one in clears if limits and one not in limits]:
        place = places[severity]
        fields.report.wrong(
            place, f"there is no threshold for {severity}: add it, or leave this out"
        )
        del clears[severity]
    return clears


def _check_limits(fields: Fields, limits: _Limits, values: Range, *, above: bool) -> None:
    for node, value in limits.values():
        problem = not_crossed(values, value or 0.0, node, above=above)
        fields.report.wrong(node.place, problem)
    for (milder, one), (worse, other) in pairwise(limits.items()):
        first, second = one.value or 0.0, other.value or 0.0
        if second <= first if above else second >= first:
            side, limit = "above" if above else "below", value_text(first, values.unit)
            problem = f"{worse} has to begin {side} {limit}, where {milder} begins"
            hint = f"use {'more' if above else 'less'} than {limit}"
            fields.report.wrong(other.node.place, f"{problem}: {hint}")


def _check_clears(
    fields: Fields, limits: _Limits, clears: _Limits, values: Range, *, above: bool
) -> None:
    for severity, (node, value) in clears.items():
        threshold = limits[severity].value or 0.0
        if value is None:
            continue
        if value > threshold if above else value < threshold:
            side = "above" if above else "below"
            problem = (
                f"an alert cannot clear {side} "
                f"{value_text(threshold, values.unit)}, its {severity} threshold"
            )
            hint = f"use {'less' if above else 'more'}"
        elif value < values.low if above else value > values.high:
            problem = f"{values.subject} is never {value_text(value, values.unit)}"
            edge = values.low if above else values.high
            hint = f"use {value_text(edge, values.unit)} or {'more' if above else 'less'}"
        else:
            continue
        fields.report.wrong(node.place, f"{problem}: {hint}")

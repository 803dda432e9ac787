"""Says which label or which name that a rule asks for is on no series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from vitalspan.promql.matchers import Matcher
from vitalspan.words import hint


def needed(where: Iterable[Matcher]) -> Iterator[Matcher]:
    """Yield the matchers that do not match a series without the label."""
    return (one for one in where if one.operator in ("=", "=~") and not one.matches(""))


def missing_label(metric: str, label: str, series: Sequence[Mapping[str, str]]) -> str:
    """Return the problem if no series of a metric has a label; empty if one has it."""
    if any(label in labels for labels in series):
        return ""
    names = {name for labels in series for name in labels}
    return f"no series of {metric} has a label {label}{hint(label, names)}"


def missing_value(matcher: Matcher, series: Iterable[Mapping[str, str]]) -> str:
    """Return the problem if a matcher matches the label of no series; empty if it matches one."""
    label = matcher.label
    values = {labels.get(label, "") for labels in series} - {""}
    if any(map(matcher.matches, values)):
        return ""
    if matcher.operator == "=":
        return f"there is no {label} {matcher.value}{hint(matcher.value, values)}"
    return f"no {label} matches {matcher.value}"

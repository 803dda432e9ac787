"""What stands in for the variables of a dashboard, as Grafana would put it there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from vitalspan.artifacts.audit.questions import variables

EVERYTHING: Final = ".+"

_ALL: Final = "$__all"
_POINTS: Final = 240
"""Of a query over a range: enough that nothing falls between two of them."""

_VARIABLE: Final = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
_SPECIAL: Final = re.compile(r"([\\^$*+?.()|\[\]{}])")


class Span(NamedTuple):
    """The time that is looked at.

    Attributes:
        start: in Unix seconds.
        end: in Unix seconds.
        scrape: seconds between two scrapes.
    """

    start: float
    end: float
    scrape: float

    @property
    def step(self) -> float:
        """Seconds between two points of a query."""
        return max(self.scrape, math.ceil((self.end - self.start) / _POINTS))

    def values(self) -> dict[str, str]:
        """Return what Grafana's own variables stand for."""
        length = round(self.end - self.start)
        # At least four scrapes, so that there are two samples even where some were missed.
        rate = max(self.step + self.scrape, 4 * self.scrape)
        return {
            "__rate_interval": _duration(rate),
            "__rate_interval_ms": str(round(rate * 1000)),
            "__interval": _duration(self.step),
            "__interval_ms": str(round(self.step * 1000)),
            "__range": f"{length}s",
            "__range_s": str(length),
            "__range_ms": str(length * 1000),
            "__from": str(round(self.start * 1000)),
            "__to": str(round(self.end * 1000)),
        }


class Filling:
    """Puts values in the place of a dashboard's variables.

    Args:
        dashboard: as Grafana's JSON has it.
        span: the time that is looked at.
        chosen: values of variables, by name; of others all are chosen, where that is possible.
    """

    def __init__(
        self, dashboard: Mapping[str, Any], span: Span, chosen: Mapping[str, Sequence[str]]
    ) -> None:
        self._variables = {str(one.get("name")): one for one in variables(dashboard)}
        self._listed = {name: list(chosen[name]) for name in self._variables if name in chosen}
        self._values = span.values()
        for name, one in self._variables.items():
            listed = self._listed.get(name)
            self._values[name] = _chosen(listed, one) if listed else _usual(one)

    def learn(self, name: str, values: Sequence[str]) -> list[str]:
        """Take the values that a variable may have, and return those that its pattern leaves."""
        variable = self._variables[name]
        kept = list(dict.fromkeys(_kept(values, str(variable.get("regex") or ""))))
        if name not in self._listed:
            self._listed[name] = kept
            # All of them together, where nothing stands for all.
            if kept and self._values[name] == EVERYTHING and not variable.get("allValue"):
                self._values[name] = _chosen(kept, variable)
        return kept

    def each(self, name: str) -> list[dict[str, str]]:
        """Return the values of a variable that panels are repeated for, one by one."""
        return [{name: _chosen([one], {})} for one in self._listed.get(name, ())]

    def fill(self, text: str, this: Mapping[str, str] | None = None) -> tuple[str, list[str]]:
        """Return a text without variables, and the names of those that the dashboard lacks.

        Args:
            text: a query.
            this: values that go before others.
        """
        values = {**self._values, **(this or {})}
        unknown: list[str] = []

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2] or found[4]
            if name in values:
                return values[name]
            # A number is a group of label_replace.
            if not name.isdigit():
                unknown.append(name)
            return found[0]

        return _VARIABLE.sub(value, text), unknown


def _kept(values: Sequence[str], pattern: str) -> list[str]:
    if not pattern:
        return [one for one in values if one]
    inside = re.fullmatch(r"/(.*)/\w*", pattern, re.DOTALL)
    # JavaScript calls its groups otherwise.
    text = re.sub(r"\(\?<(?![=!])", "(?P<", inside[1] if inside else pattern)
    try:
        found = [re.search(text, one) for one in values]
    except re.error:
        return [one for one in values if one]
    return [
        one["value"] if "value" in one.groupdict() else one[one.re.groups and 1]
        for one in found
        if one
    ]


def _duration(seconds: float) -> str:
    whole = math.ceil(seconds)
    return f"{whole}s" if whole == seconds else f"{math.ceil(seconds * 1000)}ms"


def _chosen(values: Sequence[str], variable: Mapping[str, Any]) -> str:
    # Those that can have several values are for regular expressions, the others for anything.
    several = bool(variable.get("multi") or variable.get("includeAll"))
    texts = [_quoted(_SPECIAL.sub(r"\\\1", one) if several else one) for one in values]
    return texts[0] if len(texts) == 1 else f"({'|'.join(texts)})"


def _quoted(value: str) -> str:
    # Between the quotes of a PromQL string.
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _usual(variable: Mapping[str, Any]) -> str:
    current = variable.get("current")
    value = current.get("value") if isinstance(current, Mapping) else None
    values = [value] if isinstance(value, str) else list(map(str, value or []))
    if any(values) and values != [_ALL]:
        return _chosen(values, variable)
    if variable.get("allValue") or variable.get("type") == "query":
        return str(variable.get("allValue") or EVERYTHING)
    options = [str(one.get("value")) for one in variable.get("options") or []]
    listed = [one for one in options if one != _ALL]
    return _chosen(listed, variable) if listed else ""

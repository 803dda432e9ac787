"""The values of a dashboard's variables, as Grafana would choose and write them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

EVERYTHING: Final = ".+"

_ALL: Final = "$__all"
_POINTS: Final = 240
"""The number of points of a range query: enough that no sample falls between two of them."""

_VARIABLE: Final = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
_SPECIAL: Final = re.compile(r"([\\^$*+?.()|\[\]{}])")
_NUMBER: Final = re.compile(r"(\d+)")


class VariableRange(NamedTuple):
    """The time range of the queries.

    Attributes:
        start: the start in Unix seconds.
        end: the end in Unix seconds.
        scrape: the number of seconds between two scrapes.
    """

    start: float
    end: float
    scrape: float

    @property
    def step(self) -> float:
        """Seconds between two points of a query."""
        return max(self.scrape, math.ceil((self.end - self.start) / _POINTS))

    def values(self) -> dict[str, str]:
        """Return the values of Grafana's own variables."""
        length = round(self.end - self.start)
        # At least four scrapes, so that there are two samples even if some were missed.
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


class VariableValues:
    """A container of values that replaces a dashboard's variables by them.

    A saved value is used as long as the variable can have it. Otherwise all values are chosen if
    the variable allows that, and the first one if not.

    Args:
        variables: the variables of the dashboard, by name.
        span: the time range of the queries.
        chosen: values by name, which precede others. The names need not be those of variables.
    """

    def __init__(
        self,
        variables: Mapping[str, Mapping[str, Any]],
        span: VariableRange,
        chosen: Mapping[str, Sequence[str]],
    ) -> None:
        self._variables = variables
        self._choices = chosen
        self._selected: dict[str, Sequence[str]] = {}
        self._texts = span.values()
        for name, variable in variables.items():
            self._begin(name, variable, span)
        for name, values in chosen.items():
            self._select(name, values)

    def learn(self, name: str, values: Sequence[str]) -> list[str]:
        """Set the values that a variable may have, and return those that its pattern matches."""
        variable = self._variables[name]
        options = list(dict.fromkeys(_matching(values, str(variable.get("regex") or ""))))
        options = _sorted(options, variable.get("sort"))
        if name not in self._choices:
            self._select_of(name, options)
        return options

    def each(self, name: str) -> list[dict[str, str]]:
        """Return each value of a variable for which panels are repeated."""
        return [{name: _value_text([value], {})} for value in self._selected.get(name, ())]

    def fill(self, text: str, this: Mapping[str, str] | None = None) -> tuple[str, list[str]]:
        """Return a text with values instead of variables, and the variables that do not exist.

        Args:
            text: a query.
            this: values that precede others.
        """
        values = {**self._texts, **(this or {})}
        unknown: list[str] = []

        def value(match: re.Match[str]) -> str:
            name = _name(match)
            if name in values:
                return values[name]
            # A number is a group of label_replace.
            if not name.isdigit():
                unknown.append(name)
            return match[0]

        return _VARIABLE.sub(value, text), unknown

    def _begin(self, name: str, variable: Mapping[str, Any], span: VariableRange) -> None:
        """Give a variable its value before the server is asked for the possible ones."""
        saved, kind = _saved(variable), variable.get("type")
        query = variable.get("query")
        text = query if isinstance(query, str) else ""
        if kind == "custom" and (options := _listed(text) or _options(variable)):
            self._select_of(name, options)
        elif kind == "query" and saved in ([], [_ALL]):
            everything = saved or variable.get("includeAll")
            self._texts[name] = str(variable.get("allValue") or EVERYTHING) if everything else ""
        elif kind == "interval":
            interval = next(iter(saved or _listed(text)), "")
            automatic = interval.startswith("$__auto")
            self._texts[name] = _duration(span.step) if automatic else interval
        elif text and (kind == "constant" or (kind == "textbox" and not saved)):
            self._select(name, [text])
        else:
            self._select(name, saved)

    def _select_of(self, name: str, options: Sequence[str]) -> None:
        variable = self._variables[name]
        valid = [value for value in _saved(variable) if value in options]
        everything = not valid and bool(variable.get("includeAll"))
        self._select(name, valid or (options if everything else options[:1]))
        if everything and (variable.get("allValue") or not options):
            self._texts[name] = str(variable.get("allValue") or EVERYTHING)

    def _select(self, name: str, values: Sequence[str]) -> None:
        self._selected[name] = values
        self._texts[name] = _value_text(values, self._variables.get(name, {}))


def used_variables(text: str) -> set[str]:
    """Return the names of the variables in a text."""
    return set(map(_name, _VARIABLE.finditer(text)))


def _name(match: re.Match[str]) -> str:
    return match[1] or match[2] or match[4]


def _saved(variable: Mapping[str, Any]) -> list[str]:
    """Return the values that a variable had when the dashboard was saved."""
    current = variable.get("current")
    value = current.get("value") if isinstance(current, Mapping) else None
    values = value if isinstance(value, list) else [value]
    return [str(one) for one in values if one not in (None, "")]


def _listed(text: str) -> list[str]:
    r"""Return the values in a list such as `a, b\, c, Text : d`."""
    parts = [part.replace("\\,", ",").strip() for part in re.findall(r"(?:\\,|[^,])+", text)]
    return [re.sub(r"^.+\s:\s+(?=.)", "", part) for part in parts if part]


def _options(variable: Mapping[str, Any]) -> list[str]:
    """Return the values that a variable could have when the dashboard was saved."""
    options = variable.get("options")
    entries = options if isinstance(options, list) else []
    values = [str(one.get("value")) for one in entries if isinstance(one, Mapping)]
    return [value for value in values if value != _ALL]


def _matching(values: Sequence[str], pattern: str) -> list[str]:
    if not pattern:
        return [one for one in values if one]
    inside = re.fullmatch(r"/(.*)/\w*", pattern, re.DOTALL)
    # JavaScript writes named groups differently.
    text = re.sub(r"\(\?<(?![=!])", "(?P<", inside[1] if inside else pattern)
    try:
        matches = [re.search(text, one) for one in values]
    except re.error:
        return [one for one in values if one]
    return [
        one["value"] if "value" in one.groupdict() else one[one.re.groups and 1]
        for one in matches
        if one
    ]


def _sorted(values: list[str], sort: object) -> list[str]:
    """Return values in one of Grafana's orders: odd numbers ascend, even ones descend."""
    keys: tuple[Callable[[str], Any], ...] = (str, _number, str.lower, _natural)
    if not isinstance(sort, int) or not 1 <= sort <= 2 * len(keys):
        return values
    return sorted(values, key=keys[(sort - 1) // 2], reverse=sort % 2 == 0)


def _number(value: str) -> int:
    match = _NUMBER.search(value)
    return int(match[1]) if match else -1


def _natural(value: str) -> list[tuple[int, int, str]]:
    parts = filter(None, _NUMBER.split(value))
    return [(0, int(one), "") if one.isdecimal() else (1, 0, one.lower()) for one in parts]


def _duration(seconds: float) -> str:
    whole = math.ceil(seconds)
    return f"{whole}s" if whole == seconds else f"{math.ceil(seconds * 1000)}ms"


def _value_text(values: Sequence[str], variable: Mapping[str, Any]) -> str:
    # The values of multi-value variables are used in regular expressions, others anywhere.
    several = bool(variable.get("multi") or variable.get("includeAll"))
    texts = [_quoted(_SPECIAL.sub(r"\\\1", one) if several else one) for one in values]
    return "".join(texts) if len(texts) < 2 else f"({'|'.join(texts)})"


def _quoted(value: str) -> str:
    # It is placed between the quotes of a PromQL string.
    return value.replace("\\", "\\\\").replace('"', '\\"')

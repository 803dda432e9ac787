"""Parses series in the notation of promtool's tests: `up{job="api"}` and `0+10x5 _ stale`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from vitalspan.promql.engine.histogram_arithmetic import scaled
from vitalspan.promql.engine.histogram_notation import parse_histogram, repeated
from vitalspan.promql.engine.metric_labels import NAME, MetricLabels, metric_labels
from vitalspan.promql.engine.series import STALE, Value

MAX_VALUES: Final = 1_000_000
"""The maximum number of values in one notation."""

MAX_HISTOGRAMS: Final = 10_000
"""The maximum number of native histograms in one notation."""

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL: Final = re.compile(
    r"""\s*(?:(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*|"(?:\\.|[^"\\])*")\s*=\s*)?"""
    r"""(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)\s*(?P<end>,|(?=\}))""",
    re.ASCII | re.DOTALL,
)
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[iI]nf|[nN]a[nN])"
_STEP: Final = _NUMBER.replace("[-+]?", "[-+]", 1)
_VALUES: Final = re.compile(
    rf"(?P<start>{_NUMBER})(?:(?P<step>{_STEP})?x(?P<count>\d+))?|"
    r"\{\{(?P<histogram>[^}]*)\}\}"
    r"(?:(?:(?P<sign>[-+])\{\{(?P<change>[^}]*)\}\})?x(?P<times>\d+))?|"
    r"(?P<gap>_|stale)(?:x(?P<gaps>\d+))?"
)
_WORD: Final = re.compile(r"(?:\{\{[^}]*\}\}|\S)+")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}

NotedValue = Value | None
"""A value, None if there is no sample, and `STALE` where the series ends."""


def parse_series(text: str) -> tuple[MetricLabels, str]:
    """Return the labels of the series at the start of a text, and the rest of the text.

    Raises:
        ValueError: for an invalid series.
    """
    text = text.strip()
    labels: dict[str, str] = {}
    name = _NAME.match(text)
    if name is not None:
        labels[NAME] = name.group()
        text = text[name.end() :].lstrip(" \t")
    if text.startswith("{") and not text.startswith("{{"):
        text = _parse_labels(text[1:], labels)
    elif name is None:
        raise ValueError(f'{text!r:.60} is not a series: use one such as up{{job="api"}}')
    return metric_labels(labels), text.strip()


def _parse_labels(text: str, labels: dict[str, str]) -> str:
    """Parse labels up to a closing brace; return the text after it."""
    while True:
        text = text.lstrip()
        if text.startswith("}"):
            return text[1:]
        match = _LABEL.match(text)
        if match is None:
            raise ValueError(f'{text!r:.60} is not a label: use name="value"')
        name = match.group("name") or NAME
        if name.startswith('"'):
            name = unquoted(name)
        labels[name] = unquoted(match.group("value"))
        text = text[match.end() :]


def unquoted(text: str) -> str:
    """Return the value of a string in quotes or backquotes."""
    if text.startswith("`"):
        return text[1:-1]
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1])


def parse_values(text: str) -> list[NotedValue]:
    """Return the values of a notation.

    Raises:
        ValueError: for an invalid notation.
    """
    values: list[NotedValue] = []
    for word in _WORD.findall(text):
        match = _VALUES.fullmatch(word)
        if match is None:
            raise ValueError(f"{word!r:.60} is not a value: use 1, 0+10x5, _ or stale")
        values += _expanded(match)
        if len(values) > MAX_VALUES:
            raise ValueError(f"there are more than {MAX_VALUES} values")
    return values


def _expanded(match: re.Match[str]) -> Sequence[NotedValue]:
    if match.group("gap"):
        return [None if match.group("gap") == "_" else STALE] * _count(match.group("gaps") or "1")
    if match.group("histogram") is not None:
        return _expanded_histogram(match)
    value = float(match.group("start"))
    if match.group("count") is None:
        return [value]
    step, values = float(match.group("step") or 0.0), []
    # Added step by step, as in promtool.
    for _ in range(_count(match.group("count")) + 1):
        values.append(value)
        value += step
    return values


def _expanded_histogram(match: re.Match[str]) -> Sequence[NotedValue]:
    histogram = parse_histogram(match.group("histogram"))
    step = None
    if match.group("sign"):
        step = parse_histogram(match.group("change"))
        if match.group("sign") == "-":
            step = scaled(step, -1.0)
    return repeated(histogram, step, min(_count(match.group("times") or "0"), MAX_HISTOGRAMS))


def _count(digits: str) -> int:
    # A number with more digits is too large, and may be too long for int().
    return min(int(digits.lstrip("0")[: len(str(MAX_VALUES))] or 0), MAX_VALUES + 1)

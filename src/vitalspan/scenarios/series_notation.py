"""Prometheus' notation for input series: `queue_depth{queue="mail"}` and `0x10 5+1x20 _`."""

from __future__ import annotations

import re
from typing import Final

from vitalspan.rules.model import Pairs
from vitalspan.words import shown

MAX_VALUES: Final = 100_000
"""The longest list of values."""

_MAX_DIGITS: Final = 7
_SERIES: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_LABEL: Final = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
_VALUES: Final = re.compile(
    r"(_|-?[\d.]+(?:[eE][+-]?\d+)?)(?:([+-][\d.]+(?:[eE][+-]?\d+)?)?x(\d+))?"
)


def parse_series(text: str) -> tuple[str, Pairs]:
    """Return the metric and the labels of a series.

    Raises:
        ValueError: for another text; the message says what would be right.
    """
    wrong = ValueError(f'{shown(text)} is not a series: use depth{{queue="mail"}}')
    series = _SERIES.fullmatch(text)
    if series is None:
        raise wrong
    rest, labels = series.group(2) or "", []
    while rest.strip():
        label = _LABEL.match(rest)
        if label is None:
            raise wrong
        value = re.sub(r"\\(.)", lambda escape: "\n" if escape[1] == "n" else escape[1], label[2])
        labels.append((label[1], value))
        rest = rest[label.end() :]
    return series.group(1), tuple(labels)


def parse_values(text: str) -> tuple[float | None, ...]:
    """Return one value for each tick, None for no value.

    `1` is one value, `1x3` are four of them, `1+2x3` are four that grow by 2, `_` and `_x3` are one
    and three ticks without a value.

    Raises:
        ValueError: for another text; the message says what would be right.
    """
    values: list[float | None] = []
    for part in text.split():
        notation = _VALUES.fullmatch(part)
        if notation is None:
            raise _not_values(part)
        first, step, times = notation.groups()
        # More digits than these are too many, and could be more than int() takes.
        count = int((times or "0")[:_MAX_DIGITS])
        if len(values) + count > MAX_VALUES:
            raise ValueError(f"has more than {MAX_VALUES} values: use fewer")
        values += [None] * max(1, count) if first == "_" else _growing(part, first, step, count)
    if not values:
        raise _not_values(text)
    return tuple(values)


def _growing(part: str, first: str, step: str | None, count: int) -> list[float]:
    try:
        start, growth = float(first), float(step or 0)
    except ValueError:
        raise _not_values(part) from None
    return [start + growth * index for index in range(count + 1)]


def _not_values(text: str) -> ValueError:
    problem = f"{shown(text)} is not a list of values"
    return ValueError(f"{problem}: use values such as 0x10 5+1x20, with _ for no value")

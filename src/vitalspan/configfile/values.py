"""Reads single values: texts, durations, numbers and choices.

Each function reports what is wrong with a value, and returns None in that case.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

from vitalspan.configfile.nodes import Content, Node, Scalar
from vitalspan.configfile.report import Report
from vitalspan.units import Unit, example, parse_duration, parse_value
from vitalspan.words import listed, shown

MAX_SECONDS: Final = 366 * 86400.0
"""The longest duration in a file, in seconds."""

MIN_SECONDS: Final = 0.001
"""The shortest duration above zero in seconds, as in Prometheus."""

_DURATIONS: Final = "30s, 5m or 1h30m"
_MAX_NAME: Final = 200
_FLAGS: Final = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}


def content_of(node: Node, wanted: str, usable: str, report: Report) -> Content:
    """Return the content of a single value.

    Args:
        node: the value.
        wanted: what it should be, such as `a duration`.
        usable: examples of valid values, such as `30s or 5m`.
        report: receives the mistakes.
    """
    if not isinstance(node, Scalar):
        report.wrong(node.place, f"{report.shown(node)} is not {wanted}: use {usable}")
        return None
    if node.content is None:
        report.wrong(node.place, f"has no value: use {usable}")
    return node.content


def text_of(node: Node, usable: str, report: Report) -> str | None:
    """Return a text that is not empty. Numbers and booleans become texts as they are written."""
    content = content_of(node, "a text", usable, report)
    if content is None:
        return None
    if isinstance(content, str):
        if content.strip():
            return content
        report.wrong(node.place, f"{content!r} is empty: use {usable}")
        return None
    return str(content).lower() if isinstance(content, bool) else str(content)


def name_of(node: Node, usable: str, report: Report) -> str | None:
    """Return a text that can be a name: one line of at most 200 characters."""
    text = text_of(node, usable, report)
    if text is None:
        return None
    if len(text) > _MAX_NAME:
        report.wrong(node.place, f"has {len(text)} characters: use at most {_MAX_NAME}")
    elif not text.isprintable():
        report.wrong(node.place, f"{shown(text)} has invisible characters: use one line")
    else:
        return text
    return None


def seconds_of(
    node: Node, report: Report, *, zero: str = "", usable: str = _DURATIONS
) -> float | None:
    """Return a duration in seconds.

    Args:
        node: the value; a text needs a unit, as in Prometheus.
        report: receives the mistakes.
        zero: the message for a duration of 0; empty if 0 is allowed.
        usable: examples of valid durations.
    """
    content = content_of(node, "a duration", usable, report)
    if content is None:
        return None
    try:
        seconds = _tidy(parse_duration(content))
    except ValueError:
        report.wrong(node.place, _not_a_duration(content, usable))
        return None
    if seconds > MAX_SECONDS:
        report.wrong(node.place, f"{shown(content)} is too long: use at most 366d")
    elif zero and seconds < MIN_SECONDS:
        report.wrong(node.place, f"{shown(content)} {zero}")
    else:
        return seconds
    return None


def _not_a_duration(content: Content, usable: str) -> str:
    if isinstance(content, str) and is_number(content):
        plain = content.strip()
        if not plain.startswith("-"):
            return f"{shown(content)} has no unit: use {plain}s or {plain}m"
    return f"{shown(content)} is not a duration: use {usable}"


def is_number(text: str) -> bool:
    """Return whether a text is a number without a unit."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def value_of(node: Node, unit: Unit, report: Report) -> float | None:
    """Return a value in the base unit of its kind."""
    usable = example(unit)
    content = content_of(node, unit.kind, usable, report)
    if content is None:
        return None
    try:
        return _tidy(parse_value(content, unit))
    except ValueError as refused:
        problem = str(refused)
        hint = "" if ": use " in problem else f": use {usable}"
        report.wrong(node.place, problem + hint)
        return None


def number_of(node: Node, usable: str, report: Report, least: float, most: float) -> float | None:
    """Return a plain number in a range."""
    content = _unquoted(node, "a number", usable, report)
    if content is None:
        return None
    try:
        number = math.nan if isinstance(content, bool) else float(content)
    except ValueError:
        number = math.nan
    if least <= number <= most:
        return number
    report.wrong(node.place, f"{shown(content)} is not allowed: use {usable}")
    return None


def whole_number_of(node: Node, usable: str, report: Report) -> int | None:
    """Return a whole number that is not negative."""
    content = _unquoted(node, "a whole number", usable, report)
    if content is None:
        return None
    text = str(content).strip()
    if text.isdecimal() and text.isascii() and len(text) <= 9:
        return int(text)
    report.wrong(node.place, f"{shown(content)} is not a whole number from 0 up: use {usable}")
    return None


def flag_of(node: Node, report: Report) -> bool | None:
    """Return a boolean in any spelling of YAML 1.1, as Prometheus accepts it."""
    content = _unquoted(node, "true or false", "true or false", report)
    if content is None:
        return None
    flag = _FLAGS.get(str(content).lower())
    if flag is None:
        report.wrong(node.place, f"{shown(content)} is neither true nor false: use one of them")
    return flag


def choice_of(node: Node, allowed: Collection[str], report: Report) -> str | None:
    """Return one of the allowed words."""
    usable = listed(tuple(allowed), "or")
    content = content_of(node, "one word", usable, report)
    if content is None or content in allowed:
        return None if content is None else str(content)
    report.wrong(node.place, f"{shown(content)} is not a choice here: use {usable}")
    return None


def _unquoted(node: Node, wanted: str, usable: str, report: Report) -> Content:
    """Return a value that would be a text if it were in quotes."""
    if isinstance(node, Scalar) and node.quoted:
        problem = f"{report.shown(node)} is a text: leave the quotes out, and use {usable}"
        report.wrong(node.place, problem)
        return None
    return content_of(node, wanted, usable, report)


def _tidy(number: float) -> float:
    """Return a number without the rounding error of a multiplication by a unit's factor."""
    short = float(f"{number:.12g}")
    return short if math.isclose(short, number, rel_tol=1e-15) else number

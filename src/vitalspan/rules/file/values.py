"""Reads single values; what is wrong with one goes to a report, and None comes back."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection
from typing import Final

from vitalspan.rules.file.mistakes import Report
from vitalspan.rules.file.nodes import Content, Node, Scalar, shown, shown_text
from vitalspan.signals.units import Unit, example, parse_duration, parse_value

MAX_SECONDS: Final = 366 * 86400.0
"""The longest duration that rules can have."""

MIN_SECONDS: Final = 0.001
"""The shortest that is not zero, as in Prometheus."""

_DURATIONS: Final = "30s, 5m or 1h30m"
_MAX_NAME: Final = 200


def content_of(node: Node, wanted: str, usable: str, report: Report) -> Content:
    """Return a single value; None where there is none.

    Args:
        node: what stands there.
        wanted: what should, as `a duration`.
        usable: values that could, as `30s or 5m`.
        report: where mistakes go.
    """
    if not isinstance(node, Scalar):
        report.wrong(node.place, f"{shown(node)} is not {wanted}: use {usable}")
        return None
    if node.content is None:
        report.wrong(node.place, f"has no value: use {usable}")
    return node.content


def text_of(node: Node, usable: str, report: Report) -> str | None:
    """Return a text that is not empty. Numbers and booleans are texts as they are written."""
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
    """Return a text that is fit to be a name: one line, not too long."""
    text = text_of(node, usable, report)
    if text is None:
        return None
    if len(text) > _MAX_NAME:
        report.wrong(node.place, f"has {len(text)} characters: use at most {_MAX_NAME}")
    elif not text.isprintable():
        report.wrong(node.place, f"{shown_text(text)} has invisible characters: use one line")
    else:
        return text
    return None


def seconds_of(
    node: Node, report: Report, *, zero: str = "", usable: str = _DURATIONS
) -> float | None:
    """Return a duration in seconds.

    Args:
        node: what stands there. In a text the unit must be said, as for Prometheus.
        report: where mistakes go.
        zero: why the duration may not be 0; empty where it may.
        usable: durations that would be right.
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
        report.wrong(node.place, f"{shown(node)} is too long: use at most 366d")
    elif zero and seconds < MIN_SECONDS:
        report.wrong(node.place, f"{shown(node)} {zero}")
    else:
        return seconds
    return None


def _not_a_duration(content: Content, usable: str) -> str:
    if isinstance(content, str) and is_number(content):
        plain = content.strip()
        if not plain.startswith("-"):
            return f"{shown_text(content)} has no unit: use {plain}s or {plain}m"
    return f"{shown_text(content)} is not a duration: use {usable}"


def is_number(text: str) -> bool:
    """Whether a text is a number without a unit."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def value_of(node: Node, unit: Unit, report: Report) -> float | None:
    """Return a value in the base unit."""
    usable = example(unit)
    content = content_of(node, f"a value in {unit}", usable, report)
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
    """Return a plain number between two others."""
    content = content_of(node, "a number", usable, report)
    if content is None:
        return None
    try:
        number = math.nan if isinstance(content, bool) else float(content)
    except ValueError:
        number = math.nan
    if least <= number <= most:
        return number
    report.wrong(node.place, f"{shown_text(content)} is not possible here: use {usable}")
    return None


def whole_of(node: Node, usable: str, report: Report) -> int | None:
    """Return a whole number that is not negative."""
    content = content_of(node, "a whole number", usable, report)
    if content is None:
        return None
    text = str(content).strip()
    if text.isdecimal() and text.isascii() and len(text) <= 9:
        return int(text)
    report.wrong(node.place, f"{shown_text(content)} is not a whole number from 0: use {usable}")
    return None


def choice_of(node: Node, allowed: Collection[str], report: Report) -> str | None:
    """Return one of some words."""
    *others, last = allowed
    usable = f"{', '.join(others)} or {last}"
    content = content_of(node, "one word", usable, report)
    if content is None or content in allowed:
        return None if content is None else str(content)
    report.wrong(node.place, f"there is no {shown_text(content)} here: use {usable}")
    return None


def nearest(name: str, known: Collection[str]) -> str:
    """Return what to say of a name that there is not: the nearest one, or all."""
    close = difflib.get_close_matches(name, list(known), n=1)
    close = close or [other for other in known if name and name in other.split("_")]
    return guess(close[0]) if close else f"there are {', '.join(known)}"


def guess(name: str) -> str:
    """Return how a name is suggested."""
    return f"did you mean {name}?"


def _tidy(number: float) -> float:
    """Return a number without what multiplying by a unit's factor added in the last digits."""
    short = float(f"{number:.12g}")
    return short if math.isclose(short, number, rel_tol=1e-15) else number

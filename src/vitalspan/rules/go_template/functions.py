"""The functions of templates: those of Prometheus, and Go's own."""

from __future__ import annotations

import ipaddress
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from operator import not_
from typing import Any, Final
from urllib.parse import quote, quote_plus

from vitalspan.promql.group_references import expand
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.go_template.go_format import sprintf, text_of
from vitalspan.rules.go_template.nodes import TemplateError
from vitalspan.rules.go_template.number_text import (
    four_digits,
    humanize,
    humanize1024,
    humanize_duration,
    humanize_percentage,
)
from vitalspan.units import parse_duration


@dataclass(eq=False, slots=True)
class Sample:
    """An element of the result of `query`.

    Attributes:
        labels: its labels, including `__name__`.
        value: its value.
    """

    labels: dict[str, str]
    value: float


def number_of(value: Any) -> float:
    """Return a number, which may be in a string.

    Raises:
        TemplateError: for anything else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, timedelta)):
        raise TemplateError(f"can't convert {type(value).__name__} to float")
    if isinstance(value, timedelta):
        return value.total_seconds()
    try:
        return float(value)
    except ValueError:
        raise TemplateError(f"{value!r:.40} is not a number") from None


def _of_number(written: Callable[[float], str]) -> Callable[[Any], str]:
    return lambda value: written(number_of(value))


def _time_of(value: Any) -> datetime:
    number = number_of(value)
    if not math.isfinite(number):
        raise TemplateError("value is NaN or Inf")
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        raise TemplateError(f"{number:g} is not a time that can be represented") from None


def _humanize_timestamp(value: Any) -> str:
    number = number_of(value)
    return text_of(_time_of(number)) if math.isfinite(number) else four_digits(number)


def _first(vector: Sequence[Sample]) -> Sample:
    if not vector:
        raise TemplateError("first() called on vector with no elements")
    return vector[0]


def _sort_by_label(label: str, vector: Sequence[Sample]) -> list[Sample]:
    return sorted(vector, key=lambda sample: sample.labels.get(label, ""))


def _pattern(pattern: str) -> re.Pattern[str]:
    try:
        # This refuses syntax that Go's expressions lack.
        Matcher("pattern", "=~", pattern)
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            return re.compile(pattern)
    except (ValueError, re.error) as mistake:
        raise TemplateError(f"{pattern!r:.60} is not a regular expression: {mistake}") from None


def _replace_all(pattern: str, replacement: str, text: str) -> str:
    return _pattern(pattern).sub(partial(expand, replacement), text)


def _match(pattern: str, text: str) -> bool:
    return _pattern(pattern).search(text) is not None


def _title(text: str) -> str:
    return re.sub(r"\b\w", lambda match: match.group().upper(), text)


def _host_and_port(address: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*)):([^:]*)", address)
    return None if match is None else (match[1] or match[2] or "", match[3])


def _strip_port(address: str) -> str:
    parts = _host_and_port(address)
    return address if parts is None else parts[0]


def _strip_domain(address: str) -> str:
    host, port = _host_and_port(address) or (address, "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        host = host.split(".")[0]
        return f"{host}:{port}" if port else host
    return address


def _link(expression: str, tab: str) -> str:
    return f"/graph?g0.expr={quote(expression, safe='')}&g0.tab={tab}"


def _compare(left: Any, right: Any) -> int:
    """Return the order of two values of the same kind."""
    if _kind(left) != _kind(right):
        raise TemplateError("incompatible types for comparison")
    return int(left > right) - int(left < right)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return type(value).__name__


def _equal(value: Any, *others: Any) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    if any(one is not None and value is not None and _kind(value) != _kind(one) for one in others):
        raise TemplateError("incompatible types for comparison")
    return any(value == other for other in others)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, "")
        elif isinstance(value, (list, tuple, str)) and isinstance(key, int):
            if not 0 <= key < len(value):
                raise TemplateError(f"index out of range: {key}")
            value = value[key]
        else:
            raise TemplateError(f"can't index item of type {_kind(value)}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    return value[slice(*bounds[:2])] if len(bounds) == 2 else value[bounds[0] if bounds else 0 :]


def _html(text: Any) -> str:
    return re.sub(r"[<>&'\"]", lambda m: f"&#{ord(m.group())};", text_of(text))


def _print(*values: Any) -> str:
    texts = [text_of(values[0])] if values else []
    for before, value in pairwise(values):
        # There is a space between two operands if neither is a string.
        space = "" if isinstance(before, str) or isinstance(value, str) else " "
        texts.append(space + text_of(value))
    return "".join(texts)


def parse_seconds(text: str) -> float:
    """Return the seconds of a duration such as `1h30m` or `-5m`.

    Raises:
        TemplateError: for anything else.
    """
    sign = -1.0 if text.startswith("-") else 1.0
    try:
        return sign * parse_duration(text.removeprefix("-"))
    except ValueError:
        raise TemplateError(f"not a valid duration string: {text!r:.40}") from None


FUNCTIONS: Final[dict[str, Callable[..., Any] | None]] = {
    "and": None,
    "args": lambda *values: {f"arg{i}": value for i, value in enumerate(values)},
    "eq": _equal,
    "externalURL": None,
    "first": _first,
    "ge": lambda left, right: _compare(left, right) >= 0,
    "graphLink": lambda expression: _link(expression, "0"),
    "gt": lambda left, right: _compare(left, right) > 0,
    "html": _html,
    "humanize": _of_number(humanize),
    "humanize1024": _of_number(humanize1024),
    "humanizeDuration": _of_number(humanize_duration),
    "humanizePercentage": _of_number(humanize_percentage),
    "humanizeTimestamp": _humanize_timestamp,
    "index": _index,
    "label": lambda label, sample: sample.labels.get(label, ""),
    "le": lambda left, right: _compare(left, right) <= 0,
    "len": len,
    "lt": lambda left, right: _compare(left, right) < 0,
    "match": _match,
    "ne": lambda left, right: not _equal(left, right),
    "not": not_,
    "now": None,
    "or": None,
    "parseDuration": parse_seconds,
    "pathPrefix": None,
    "print": _print,
    "printf": lambda pattern, *values: sprintf(pattern, values),
    "println": lambda *values: " ".join(map(text_of, values)) + "\n",
    "query": None,
    "reReplaceAll": _replace_all,
    "safeHtml": lambda text: text,
    "slice": _slice,
    "sortByLabel": _sort_by_label,
    "stripDomain": _strip_domain,
    "stripPort": _strip_port,
    "strvalue": lambda sample: sample.labels.get("__value__", ""),
    "tableLink": lambda expression: _link(expression, "1"),
    "title": _title,
    "toDuration": lambda value: timedelta(seconds=number_of(value)),
    "toLower": lambda text: str(text).lower(),
    "toTime": _time_of,
    "toUpper": lambda text: str(text).upper(),
    "urlQueryEscape": quote_plus,
    "urlquery": lambda value: quote_plus(text_of(value)),
    "value": lambda sample: sample.value,
}
"""All functions; None if the execution implements them, because they need its data."""

"""Parses native histograms in the notation of promtool's tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

from vitalspan.promql.engine.arithmetic import format_number
from vitalspan.promql.engine.float_histogram import CUSTOM_BUCKETS, FloatHistogram, ResetHint
from vitalspan.promql.engine.histogram_arithmetic import added

_MAX_BUCKETS: Final = 10_000

_FIELD: Final = re.compile(r"\s*([a-z_]+):(\[[^\]]*\]|[^\s\]]+)\s*")

_NUMBERS: Final = ("sum", "count", "z_bucket", "z_bucket_w")
_LISTS: Final = ("buckets", "n_buckets", "custom_values")
_WHOLE: Final = ("schema", "offset", "n_offset")
_HINTS: Final = ("unknown", "reset", "not_reset", "gauge")

_SCHEMAS: Final = (CUSTOM_BUCKETS, *range(-4, 9))


def parse_histogram(text: str) -> FloatHistogram:
    """Return the native histogram for a text between `{{` and `}}`.

    Raises:
        ValueError: for an invalid text.
    """
    fields = _fields(text)
    schema = _whole(fields, "schema")
    if schema not in _SCHEMAS:
        raise ValueError(f"schema:{schema} is not supported: use -4 to 8, or {CUSTOM_BUCKETS}")
    hint = fields.get("counter_reset_hint", "unknown")
    if hint not in _HINTS:
        raise ValueError(f"counter_reset_hint:{hint} is not supported: use {', '.join(_HINTS)}")
    return FloatHistogram(
        schema=schema,
        count=_number(fields, "count"),
        total=_number(fields, "sum"),
        zero_threshold=_number(fields, "z_bucket_w"),
        zero_count=_number(fields, "z_bucket"),
        positive=_counts(fields, "buckets", "offset"),
        negative=_counts(fields, "n_buckets", "n_offset"),
        bounds=tuple(_list(fields, "custom_values")),
        reset_hint=cast("ResetHint", hint),
    )


def notation(histogram: FloatHistogram) -> str:
    """Return a native histogram in the notation of promtool's tests, without `{{` and `}}`."""
    parts = [f"schema:{histogram.schema}"] if histogram.schema else []
    for name, value in (
        ("count", histogram.count),
        ("sum", histogram.total),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    ):
        if value:
            parts.append(f"{name}:{format_number(value)}")
    if histogram.is_custom:
        parts.append(f"custom_values:{_list_text(histogram.bounds)}")
    for prefix, counts in (("", histogram.positive), ("n_", histogram.negative)):
        if counts:
            first, last = min(counts), max(counts)
            if first:
                parts.append(f"{prefix}offset:{first}")
            values = [counts.get(index, 0.0) for index in range(first, last + 1)]
            parts.append(f"{prefix}buckets:{_list_text(values)}")
    return " ".join(parts)


def _list_text(numbers: list[float] | tuple[float, ...]) -> str:
    return f"[{' '.join(map(format_number, numbers))}]"


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _FIELD.match(text, place)
        if match is None:
            if not text[place:].strip():
                break
            raise ValueError(
                f"{text[place:]!r:.60} is not expected in a native histogram: use one such as "
                "{{schema:1 sum:3 count:12 buckets:[5 7]}}"
            )
        name, value = match.groups()
        if name not in (*_NUMBERS, *_LISTS, *_WHOLE, "counter_reset_hint"):
            raise ValueError(f"a native histogram has no {name}")
        fields[name] = value
        place = match.end()
    return fields


def _number(fields: Mapping[str, str], name: str) -> float:
    try:
        return float(fields.get(name, "0"))
    except ValueError:
        raise ValueError(f"{name}:{fields[name]} is not a number") from None


def _whole(fields: Mapping[str, str], name: str) -> int:
    try:
        return int(fields.get(name, "0"))
    except ValueError:
        raise ValueError(f"{name}:{fields[name]} is not a whole number") from None


def _list(fields: Mapping[str, str], name: str) -> list[float]:
    text = fields.get(name, "[]")
    words = text.strip("[]").split()
    if not text.startswith("[") or len(words) > _MAX_BUCKETS:
        raise ValueError(f"{name}:{text:.40} is not a list of at most {_MAX_BUCKETS} numbers")
    try:
        return [float(word) for word in words]
    except ValueError:
        raise ValueError(f"{name}:{text:.60} has something that is not a number") from None


def _counts(fields: Mapping[str, str], name: str, offset: str) -> dict[int, float]:
    return dict(enumerate(_list(fields, name), _whole(fields, offset)))


def repeated(
    histogram: FloatHistogram, step: FloatHistogram | None, times: int
) -> list[FloatHistogram]:
    """Return a histogram, and the results of adding a step repeatedly."""
    values = [histogram]
    for _ in range(times):
        values.append(values[-1] if step is None else added([values[-1], step]).histogram)
    return values

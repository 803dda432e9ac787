"""Converts OpenTelemetry's names of metrics, units and labels to those of Prometheus.

The strategies are those of OpenTelemetry's specification, "Metrics Exporter - Prometheus".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from vitalspan.bridge.ucum import to_word
from vitalspan.labels import Labels

_NOT_IN_METRIC: Final = re.compile(r"[^a-zA-Z0-9_:]")
_NOT_IN_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_UNDERSCORES: Final = re.compile(r"__+")
_TOTAL: Final = "_total"


class TranslationStrategy(Enum):
    """A translation of names: with or without replaced characters and suffixes."""

    UNDERSCORE_ESCAPING_WITH_SUFFIXES = "UnderscoreEscapingWithSuffixes"
    UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES = "UnderscoreEscapingWithoutSuffixes"
    NO_UTF8_ESCAPING_WITH_SUFFIXES = "NoUTF8EscapingWithSuffixes"
    NO_TRANSLATION = "NoTranslation"

    @property
    def escapes(self) -> bool:
        """True if names only have letters, digits, `_` and `:`."""
        return self.value.startswith("Underscore")

    @property
    def appends_suffixes(self) -> bool:
        """True if units and `_total` are appended to the names of metrics."""
        return self.value.endswith("WithSuffixes")


class MetricName(NamedTuple):
    """The name of a family and its unit, which is the suffix of the name."""

    name: str
    unit: str


@lru_cache(maxsize=4096)
def metric_name(
    name: str, unit: str, strategy: TranslationStrategy, *, counter: bool, gauge: bool
) -> MetricName:
    """Return the Prometheus name of an instrument.

    Args:
        name: the name of the instrument.
        unit: the unit of the instrument, in UCUM.
        strategy: the translation strategy.
        counter: whether it becomes a counter.
        gauge: whether it becomes a gauge.
    """
    word = to_word(unit, ratio=gauge)
    if strategy.escapes:
        name, word = _classic(name, _NOT_IN_METRIC), _classic(word, _NOT_IN_METRIC).strip("_")
    if not strategy.appends_suffixes:
        return MetricName(name, word if _ends_in(name, word) else "")
    base = name.removesuffix(_TOTAL) if counter else name
    if word and not _ends_in(base, word):
        base = f"{base}_{word}"
    suffix = word if base.endswith(f"_{word}") else ""
    return MetricName(base + _TOTAL if counter else base, suffix)


@lru_cache(maxsize=16384)
def label_name(key: str, strategy: TranslationStrategy) -> str:
    """Return the Prometheus name of an attribute."""
    return _classic(key, _NOT_IN_LABEL) if strategy.escapes else key


def to_labels(attributes: Iterable[tuple[str, Any]], strategy: TranslationStrategy) -> Labels:
    """Return attributes as labels, sorted by name.

    If several keys become one label, their values are joined by semicolons in the order of the
    keys. Attributes without a value are left out, which is the same to Prometheus.
    """
    labels: dict[str, str] = {}
    for key, value in sorted(attributes, key=lambda pair: pair[0]):
        name, text = label_name(key, strategy), attribute_text(value)
        if text:
            labels[name] = f"{labels[name]};{text}" if name in labels else text
    return tuple(sorted(labels.items()))


def attribute_text(value: Any) -> str:
    """Return the value of an attribute as text.

    The format is that of OpenTelemetry's specification, "AnyValue representation for non-OTLP
    protocols".
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if value is None:
        return ""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not isinstance(value, int):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(value), repr(value))
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False, default=str)


def _plain(value: Any) -> Any:
    """Return a value that JSON can represent."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):  # noqa: PLR0124 - NaN alone differs from itself
        return attribute_text(value)
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value


def _classic(name: str, unwanted: re.Pattern[str]) -> str:
    name = _UNDERSCORES.sub("_", unwanted.sub("_", name))
    return f"_{name}" if name[:1].isdigit() else name


def _ends_in(name: str, word: str) -> bool:
    """Return whether a name ends in a whole word."""
    if not word or not name.endswith(word):
        return False
    before = name[: -len(word)]
    return not before or not before[-1].isalnum()

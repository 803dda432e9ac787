"""Escaping of names outside the classic character set, as the scraper requests it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prometheus_client.openmetrics import exposition as openmetrics

ALLOW_UTF_8: Final = "allow-utf-8"
UNDERSCORES: Final = "underscores"
DOTS: Final = "dots"
VALUES: Final = "values"

ESCAPINGS: Final = frozenset({ALLOW_UTF_8, UNDERSCORES, DOTS, VALUES})
"""The escaping schemes for names outside the classic character set, in Prometheus' spelling."""


def escape_metric_name(name: str, escaping: str) -> str:
    """Return the name of a metric for formats without quotes."""
    return _escaped(name, escaping, "escape_metric_name")


def escape_label_name(name: str, escaping: str) -> str:
    """Return the name of a label for formats without quotes."""
    return _escaped(name, escaping, "escape_label_name")


def _escaped(name: str, escaping: str, function: str) -> str:
    # Releases of prometheus_client without this function only have classic names.
    escape: Callable[[str, str], Any] | None = getattr(openmetrics, function, None)
    return name if escape is None or escaping == ALLOW_UTF_8 else str(escape(name, escaping))

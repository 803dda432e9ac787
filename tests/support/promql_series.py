"""Series in the notation of promtool's tests, as the source of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitalspan.promql.engine.evaluation_context import Annotations
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import Demand, Series
from vitalspan.promql.engine.series_notation import parse_series, parse_values


class Source:
    """Series of a mapping from names with labels to values, one every `interval` seconds."""

    def __init__(self, series: Mapping[str, str], interval: float = 60) -> None:
        self._series = []
        for name, notation in series.items():
            values = enumerate(parse_values(notation))
            samples = [(i * round(interval * 1000), v) for i, v in values if v is not None]
            self._series.append(Series.of(parse_series(name)[0], samples))

    def select(self, demand: Demand) -> list[Series]:
        return [series for series in self._series if demand.selector.matches(series.labels)]


def evaluate(
    query: str, series: Mapping[str, str] | None = None, at: float = 0, interval: float = 60
) -> dict[str, Any]:
    """Return the values of a query at a time in seconds, by their labels as text."""
    return annotated(query, series, at, interval)[0]


def annotated(
    query: str, series: Mapping[str, str] | None = None, at: float = 0, interval: float = 60
) -> tuple[dict[str, Any], Annotations]:
    """Return the values of a query, and its annotations."""
    compiled = compile_query(query)
    context = compiled.context(Source(series or {}, interval), round(at * 1000))
    vector = compiled.evaluate(context)
    return {str(labels): value for labels, value in vector}, context.annotations

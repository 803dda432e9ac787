"""Signals about caches and APIs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from vitalspan import names
from vitalspan.signals.promql import Selection, sum_rate_of
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Signal, Window
from vitalspan.signals.units import DOLLARS_PER_SECOND, PER_SECOND, RATIO


def _cache_hit_ratio(window: Window, query: Query) -> Reading:
    hits = window.increase("hits")
    lookups = hits + window.increase("misses")
    return Reading(hits / lookups, lookups) if lookups > 0 else NO_DATA


def _api_reading(window: Window, query: Query, columns: tuple[str, ...]) -> Reading:
    if not window.series or not window.seconds:
        return NO_DATA
    calls = window.increase("oks") + window.increase("errors")
    return Reading(sum(map(window.increase, columns)) / window.seconds, calls)


def _api_error_ratio(window: Window, query: Query) -> Reading:
    errors = window.increase("errors")
    calls = errors + window.increase("oks")
    return Reading(errors / calls, calls) if calls > 0 else NO_DATA


def _ratio_of(metric: str, condition: str) -> Callable[[Selection, Query], str]:
    def promql(selection: Selection, query: Query) -> str:
        return f"{selection.sum_rate(metric, condition)} / ({selection.sum_rate(metric)} > 0)"

    return promql


COUNTERS: Final = (
    Signal(
        "cache_hit_ratio",
        RATIO,
        "caches",
        "the share of look-ups that found their entry",
        _cache_hit_ratio,
        _ratio_of(names.CACHE_REQUESTS.name, 'result="hit"'),
        counted=names.CACHE_REQUESTS.name,
    ),
    Signal(
        "api_rate",
        PER_SECOND,
        "apis",
        "the calls to an API a second",
        partial(_api_reading, columns=("oks", "errors")),
        sum_rate_of(names.API_CALLS.name),
        counted=names.API_CALLS.name,
    ),
    Signal(
        "api_error_ratio",
        RATIO,
        "apis",
        "the share of calls to an API that failed",
        _api_error_ratio,
        _ratio_of(names.API_CALLS.name, 'outcome="error"'),
        counted=names.API_CALLS.name,
    ),
    Signal(
        "api_tokens_rate",
        PER_SECOND,
        "apis",
        "the tokens that calls to an API use a second",
        partial(_api_reading, columns=("tokens",)),
        sum_rate_of(names.API_TOKENS.name),
        counted=names.API_CALLS.name,
    ),
    Signal(
        "api_cost_rate",
        DOLLARS_PER_SECOND,
        "apis",
        "the dollars that calls to an API cost a second",
        partial(_api_reading, columns=("cost",)),
        sum_rate_of(names.API_COST.name),
        counted=names.API_CALLS.name,
    ),
)

"""Signals about caches and APIs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vitalspan import metrics as names
from vitalspan.promql.expression import Expression
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.selection import Selection, sum_rate_of
from vitalspan.signals.history_view import HistoryView
from vitalspan.signals.promtool_series import Inputs, Samples, Target, beside, labelled, share
from vitalspan.signals.query import Query
from vitalspan.signals.signal import Amount, Signal
from vitalspan.signals.source import APIS, CACHES
from vitalspan.signals.values import rate_of, share_of
from vitalspan.units import DOLLARS, DOLLARS_PER_SECOND, NUMBER, PER_SECOND, RATIO

_OUTCOMES: Final = ("oks", "errors")
_OK: Final = labelled(names.API_CALLS.name, "outcome", "ok")
_ERROR: Final = labelled(names.API_CALLS.name, "outcome", "error")
_HIT: Final = labelled(names.CACHE_REQUESTS.name, "result", "hit")
_MISS: Final = labelled(names.CACHE_REQUESTS.name, "result", "miss")


def _share_of(metric: str, label: str, value: str) -> Callable[[Selection, Query], Expression]:
    def promql(selection: Selection, query: Query) -> Expression:
        part = selection.sum_rate(metric, Matcher(label, "=", value))
        return part / (selection.sum_rate(metric) > 0)

    return promql


def _api_rate_inputs(target: Target) -> Samples:
    return {_OK: target.value}


def _coldest(query: Query, view: HistoryView, component: str | None) -> str:
    caches = view.intervals(query, view.history.caches, component)
    worst = max(caches, key=lambda name: caches[name].increase("misses"), default="")
    if not worst:
        return ""
    hits, misses = (caches[worst].increase(column) for column in ("hits", "misses"))
    return f"{worst}, {hits:.0f} of {hits + misses:.0f} look-ups found their entry"


CACHES_AND_APIS: Final = (
    Signal(
        "cache_hit_ratio",
        RATIO,
        CACHES,
        "the share of look-ups that found their entry",
        share_of("hits", "misses"),
        _share_of(names.CACHE_REQUESTS.name, "result", "hit"),
        Inputs(share(_HIT, {}, _MISS), averaged=True),
        counted=names.CACHE_REQUESTS.name,
        contributor=_coldest,
    ),
    Signal(
        "api_rate",
        PER_SECOND,
        APIS,
        "the calls to an API per second",
        rate_of(*_OUTCOMES, calls=_OUTCOMES),
        sum_rate_of(names.API_CALLS.name),
        Inputs(_api_rate_inputs, counts_calls=True),
        amount=Amount(NUMBER, "the calls to an API", whole=True),
        counted=names.API_CALLS.name,
    ),
    Signal(
        "api_error_ratio",
        RATIO,
        APIS,
        "the share of calls to an API that failed",
        share_of("errors", "oks"),
        _share_of(names.API_CALLS.name, "outcome", "error"),
        Inputs(share(_ERROR, {}, _OK), averaged=True),
        counted=names.API_CALLS.name,
    ),
    Signal(
        "api_tokens_rate",
        PER_SECOND,
        APIS,
        "the tokens per second that calls to an API use",
        rate_of("tokens", calls=_OUTCOMES),
        sum_rate_of(names.API_TOKENS.name),
        Inputs(beside(names.API_TOKENS.name, _OK)),
        amount=Amount(NUMBER, "the tokens that calls to an API used"),
        counted=names.API_CALLS.name,
    ),
    Signal(
        "api_cost_rate",
        DOLLARS_PER_SECOND,
        APIS,
        "the dollars per second that calls to an API cost",
        rate_of("cost", calls=_OUTCOMES),
        sum_rate_of(names.API_COST.name),
        Inputs(beside(names.API_COST.name, _OK)),
        amount=Amount(DOLLARS, "the dollars that calls to an API cost"),
        counted=names.API_CALLS.name,
    ),
)

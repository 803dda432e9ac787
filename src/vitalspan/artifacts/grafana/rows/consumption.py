"""Rows about what operations use: CPU and memory, measures, caches, APIs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.dashboard import Panels, row
from vitalspan.artifacts.grafana.panels import Target, TimeSeries, legend
from vitalspan.artifacts.grafana.queries import BY_OPERATION, COMPONENTS, Queries, grouped
from vitalspan.artifacts.grafana.variables import MEASURE, NO_MEASURE

_CACHE: Final = ("component", "cache")
_API: Final = ("component", "api")
_MODEL: Final = (*_API, "model")
_NO_MODEL: Final = "no call names its model"


@row("Resources")
def call_resources(queries: Queries) -> Panels:
    """Return the row about the resources that calls use."""
    cpu = grouped("sum", queries.rate(metrics.OPERATION_CPU), "job", *BY_OPERATION)
    calls = queries.signal("rate", by=BY_OPERATION)
    yield TimeSeries(
        "CPU",
        "The CPU time of each operation's calls, including nested calls. 100 % is one processor. "
        "Short calls are only measured with resources=True.",
        [cpu],
        "percentunit",
    )
    yield TimeSeries(
        "CPU per call",
        "The CPU time of each operation divided by the number of its calls. If it is far "
        "below the duration, calls mostly wait. If it is close to the duration, they compute, "
        "and more threads do not help.",
        [replace(cpu, expr=f"{cpu.expr} / ({calls} > 0)")],
        "s",
    )
    yield TimeSeries(
        "Memory growth per call",
        "The growth of the process's resident memory during calls, divided by the number of "
        "calls. This includes what other threads do in the meantime. If it stays above 0, "
        "look for a leak.",
        [queries.target("call_memory_growth", by=BY_OPERATION)],
    )


@row("Measures per second")
def measures(queries: Queries) -> Panels:
    """Return the row about the measures of calls."""
    counted = queries.rate(metrics.measure(f"${{{MEASURE}}}"))
    yield TimeSeries(
        f"${MEASURE}",
        "What calls counted under this name with call.add, per second and by operation. The "
        "name of the measure says whether these are items, bytes or something else.",
        [grouped("sum", counted, "job", *BY_OPERATION, empty=NO_MEASURE)],
        "short",
        repeat=MEASURE,
    )


@row("Caches")
def caches(queries: Queries) -> Panels:
    """Return the row about caches."""
    requests = queries.rate(metrics.CACHE_REQUESTS, COMPONENTS)
    yield TimeSeries(
        "Hit ratio",
        "The share of look-ups that found their entry, for each cache of the selected components. "
        "If it falls, the cache was emptied, its keys changed, or it is too small.",
        [queries.target("cache_hit_ratio", COMPONENTS, by=_CACHE)],
    )
    yield TimeSeries(
        "Look-ups",
        "Look-ups per second, by whether they found their entry. Each miss is work for what "
        "is behind the cache.",
        [grouped("sum", requests, "job", *_CACHE, "result")],
        "reqps",
        stacked=True,
    )


@row("APIs", widths=[12] * 4)
def apis(queries: Queries) -> Panels:
    """Return the row about APIs."""
    cost = queries.target("api_cost_rate", COMPONENTS, by=_API)
    yield TimeSeries(
        "API calls",
        "Calls per second to each API of the selected components, by outcome.",
        [grouped("sum", queries.rate(metrics.API_CALLS, COMPONENTS), "job", *_API, "outcome")],
        "reqps",
    )
    yield TimeSeries(
        "API errors",
        "The share of calls to each API that failed. Gaps mean that there were no calls.",
        [queries.target("api_error_ratio", COMPONENTS, by=_API)],
    )
    yield TimeSeries(
        "Tokens per second",
        "The tokens per second that calls to each API used. APIs without tokens stay at 0.",
        [queries.target("api_tokens_rate", COMPONENTS, by=_API)],
        "short",
    )
    yield TimeSeries(
        "Cost per hour",
        "What an hour would cost at the current rate, in US dollars.",
        [replace(cost, expr=f"{cost.expr} * 3600")],
        "currencyUSD",
    )


@row("Models", widths=[8] * 6)
def models(queries: Queries) -> Panels:
    """Return the row about the models that calls to APIs name."""

    def added(metric: metrics.Family, *more: str) -> Target:
        rate = queries.rate(metric, COMPONENTS)
        return grouped("sum", rate, "job", *_MODEL, *more, empty=_NO_MODEL)

    def p95(metric: metrics.Family) -> Target:
        buckets = queries.rate(f"{metric.name}_bucket", COMPONENTS)
        by_bucket = grouped("sum", buckets, "job", *_MODEL, "le")
        expr = f"histogram_quantile(0.95, {by_bucket.expr})"
        return Target(expr, legend(*_MODEL), empty=_NO_MODEL)

    cost = added(metrics.API_MODEL_COST)
    yield TimeSeries(
        "Calls to models",
        "Calls per second to each model, by outcome. Calls that do not name their model are "
        "not included.",
        [added(metrics.API_MODEL_CALLS, "outcome")],
        "reqps",
    )
    yield TimeSeries(
        "Retries",
        "Further attempts per second, after the first one of each call. If they rise, the "
        "provider fails or limits your calls.",
        [added(metrics.API_RETRIES)],
        "reqps",
    )
    yield TimeSeries(
        "Tokens per second by type",
        "Tokens per second, by type. Cached tokens are part of the input tokens, and "
        "reasoning tokens are part of the output tokens.",
        [added(metrics.API_MODEL_TOKENS, "token_type")],
        "short",
    )
    yield TimeSeries(
        "Cost per day",
        "What a day would cost at the current rate, by model and in US dollars.",
        [replace(cost, expr=f"{cost.expr} * 86400")],
        "currencyUSD",
    )
    yield TimeSeries(
        "Duration of calls to models, p95",
        "95 % of the calls take no longer than this. Streamed answers are timed to their end.",
        [p95(metrics.API_DURATION)],
        "s",
    )
    yield TimeSeries(
        "Time to first token, p95",
        "For 95 % of the streamed answers, the first token came within this time.",
        [p95(metrics.API_FIRST_TOKEN)],
        "s",
    )

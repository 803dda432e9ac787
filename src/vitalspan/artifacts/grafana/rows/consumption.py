"""Rows about what operations use: CPU and memory, measures, caches, APIs."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.dashboard import Row
from vitalspan.artifacts.grafana.panels import Target, TimeSeries, legend
from vitalspan.artifacts.grafana.queries import BY_OPERATION, COMPONENTS, Queries
from vitalspan.artifacts.grafana.variables import MEASURE, NO_MEASURE

_OPERATION: Final = legend(*BY_OPERATION)
_CACHE: Final = ("component", "cache")
_API: Final = ("component", "api")
_MODEL: Final = (*_API, "model")
_NO_MODEL: Final = "no call names its model"


def consumption_rows(queries: Queries) -> list[Row]:
    """Return the rows about what calls take of the process, what they count, caches and APIs."""
    return [
        *(_resources(queries), _measures(queries), _caches(queries), _apis(queries)),
        _models(queries),
    ]


def _resources(queries: Queries) -> Row:
    cpu = f"sum by (job, component, operation) ({queries.rate(metrics.OPERATION_CPU)})"
    calls = queries.signal("rate", by=BY_OPERATION)
    return Row(
        "Resources",
        TimeSeries(
            "CPU",
            "The CPU time of each operation's calls, including nested calls. 100 % is one "
            "processor. Short calls are only measured with resources=True.",
            [Target(cpu, _OPERATION)],
            "percentunit",
        ),
        TimeSeries(
            "CPU per call",
            "The CPU time divided by the number of all calls. If it is far below the duration, "
            "calls wait. If it is close to the duration, they compute, and more threads do not "
            "help.",
            [Target(f"{cpu} / ({calls} > 0)", _OPERATION)],
            "s",
        ),
        TimeSeries(
            "Memory growth per call",
            "The growth of the process's resident memory during calls, divided by the number of "
            "all calls. It includes what other threads did in the meantime. Look for a leak if it "
            "stays above 0.",
            [Target(queries.signal("call_memory_growth", by=BY_OPERATION), _OPERATION)],
            "bytes",
        ),
    )


def _measures(queries: Queries) -> Row:
    counted = queries.rate(metrics.measure(f"${{{MEASURE}}}"))
    expr = f"sum by (job, component, operation) ({counted})"
    return Row(
        "Measures per second",
        TimeSeries(
            f"${MEASURE}",
            "What calls counted under this name with call.add, a second, by operation. The name "
            "says whether it is items, bytes or something else.",
            [Target(expr, _OPERATION, empty=NO_MEASURE)],
            "short",
            repeat=MEASURE,
        ),
    )


def _caches(queries: Queries) -> Row:
    requests = queries.rate(metrics.CACHE_REQUESTS, COMPONENTS)
    by_result = f"sum by (job, component, cache, result) ({requests})"
    return Row(
        "Caches",
        TimeSeries(
            "Hit ratio",
            "The share of look-ups that found their entry, for each cache of the selected "
            "components. If it falls, the cache was emptied, its keys changed, or it is too small.",
            [Target(queries.signal("cache_hit_ratio", COMPONENTS, by=_CACHE), legend(*_CACHE))],
            "percentunit",
            maximum=1,
        ),
        TimeSeries(
            "Look-ups",
            "Look-ups a second, by whether the entry was found. Each miss is work for what is "
            "behind the cache.",
            [Target(by_result, legend(*_CACHE, "result"))],
            "reqps",
            stacked=True,
        ),
    )


def _apis(queries: Queries) -> Row:
    calls = queries.rate(metrics.API_CALLS, COMPONENTS)
    by_outcome = f"sum by (job, component, api, outcome) ({calls})"

    def signal(name: str) -> str:
        return queries.signal(name, COMPONENTS, by=_API)

    return Row(
        "APIs",
        TimeSeries(
            "API calls",
            "Calls a second to each API of the selected components, by outcome.",
            [Target(by_outcome, legend(*_API, "outcome"))],
            "reqps",
        ),
        TimeSeries(
            "API errors",
            "The share of calls to each API that failed. Gaps mean that there were no calls.",
            [Target(signal("api_error_ratio"), legend(*_API))],
            "percentunit",
            maximum=1,
        ),
        TimeSeries(
            "Tokens per second",
            "The tokens that calls to each API used. It is 0 for APIs without tokens.",
            [Target(signal("api_tokens_rate"), legend(*_API))],
            "short",
        ),
        TimeSeries(
            "Cost per hour",
            "The US dollars that an hour would cost at the present pace.",
            [Target(f"{signal('api_cost_rate')} * 3600", legend(*_API))],
            "currencyUSD",
        ),
        widths=[12] * 4,
    )


def _models(queries: Queries) -> Row:
    by_model = f"job, {', '.join(_MODEL)}"

    def added(metric: metrics.Family, *more: str) -> str:
        labels = ", ".join((by_model, *more))
        return f"sum by ({labels}) ({queries.rate(metric, COMPONENTS)})"

    def p95(metric: metrics.Family) -> str:
        buckets = queries.rate(f"{metric.name}_bucket", COMPONENTS)
        return f"histogram_quantile(0.95, sum by ({by_model}, le) ({buckets}))"

    def panel(title: str, about: str, expr: str, unit: str, *more: str) -> TimeSeries:
        target = Target(expr, legend(*_MODEL, *more), empty=_NO_MODEL)
        return TimeSeries(title, about, [target], unit)

    return Row(
        "Models",
        panel(
            "Calls to models",
            "Calls a second that named the model they asked, by outcome.",
            added(metrics.API_MODEL_CALLS, "outcome"),
            "reqps",
            "outcome",
        ),
        panel(
            "Retries",
            "Attempts a second beyond the first one of each call.",
            added(metrics.API_RETRIES),
            "reqps",
        ),
        panel(
            "Tokens per second by type",
            "Cached tokens are part of the input tokens, reasoning tokens of the output tokens.",
            added(metrics.API_MODEL_TOKENS, "token_type"),
            "short",
            "token_type",
        ),
        panel(
            "Cost per day",
            "The US dollars that a day would cost at the present pace, by model.",
            f"{added(metrics.API_MODEL_COST)} * 86400",
            "currencyUSD",
        ),
        panel(
            "Duration of calls to models, p95",
            "The time that one call in twenty exceeds, streamed answers to their end.",
            p95(metrics.API_DURATION),
            "s",
        ),
        panel(
            "Time to first token, p95",
            "The time until the first token of a streamed answer came, which one call in twenty "
            "exceeds.",
            p95(metrics.API_FIRST_TOKEN),
            "s",
        ),
        widths=[8] * 6,
    )

"""Rows about what operations use: CPU and memory, measures, caches, APIs."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import repeated, time_series
from vitalspan.artifacts.grafana.queries import COMPONENTS, Queries
from vitalspan.artifacts.grafana.styles import Line
from vitalspan.artifacts.grafana.variables import MEASURE

_BY: Final = ("component", "operation")
_NAMED: Final = "{{component}} {{operation}}"
_CACHE: Final = ("component", "cache")
_API: Final = ("component", "api")
_OF_API: Final = "{{component}} {{api}}"
_HOUR: Final = 3600


def resources(page: Page, queries: Queries) -> None:
    """Add what calls take of the process."""
    cpu = f"sum by (job, component, operation) ({queries.rate(names.OPERATION_CPU.name)})"
    calls = queries.signal("rate", by=_BY)
    page.row(
        "Resources",
        time_series(
            "CPU",
            "CPU time of each operation's calls, those that they make in turn included; 100 % "
            "is one processor. Short calls are not measured, unless told to.",
            "percentunit",
            [Line(cpu, _NAMED)],
        ),
        time_series(
            "CPU a call",
            "CPU time divided by all calls. Far below the duration: calls wait. Close to it: they "
            "compute, and more threads will not help.",
            "s",
            [Line(f"{cpu} / ({calls} > 0)", _NAMED)],
        ),
        time_series(
            "Memory growth a call",
            "By how much the process's resident memory grew during calls, divided by all calls. "
            "What other threads did meanwhile shows in it. Steadily above 0: look for a leak.",
            "bytes",
            [Line(queries.signal("call_memory_growth", by=_BY), _NAMED)],
        ),
    )


def measures(page: Page, queries: Queries) -> None:
    """Add what calls counted themselves: a panel for each measure."""
    counted = queries.rate(names.measure(f"${{{MEASURE}}}").name)
    panel = time_series(
        f"${MEASURE}",
        "What calls counted under this name by call.add, a second, by operation. Whether that is "
        "items or bytes, its name says.",
        "short",
        [Line(f"sum by (job, component, operation) ({counted})", _NAMED)],
    )
    page.row("Measures a second", repeated(panel, MEASURE, 3))


def caches(page: Page, queries: Queries) -> None:
    """Add the caches of the components chosen."""
    requests = queries.rate(names.CACHE_REQUESTS.name, COMPONENTS)
    page.row(
        "Caches",
        time_series(
            "Hit ratio",
            "The share of look-ups that found their entry, of each cache of the components chosen. "
            "A fall: the cache was emptied, its keys changed, or it is too small.",
            "percentunit",
            [
                Line(
                    queries.signal("cache_hit_ratio", COMPONENTS, by=_CACHE),
                    "{{component}} {{cache}}",
                )
            ],
            most=1,
        ),
        time_series(
            "Look-ups",
            "Look-ups a second, by whether the entry was found. Each miss is work for what lies "
            "behind the cache.",
            "reqps",
            [
                Line(
                    f"sum by (job, component, cache, result) ({requests})",
                    "{{component}} {{cache}} {{result}}",
                )
            ],
            stacked=True,
        ),
    )


def apis(page: Page, queries: Queries) -> None:
    """Add the APIs that the components chosen call."""
    calls = queries.rate(names.API_CALLS.name, COMPONENTS)
    failed = queries.signal("api_error_ratio", COMPONENTS, by=_API)
    cost = queries.signal("api_cost_rate", COMPONENTS, by=_API)
    page.row(
        "APIs",
        time_series(
            "API calls",
            "Calls a second to each API of the components chosen, by outcome.",
            "reqps",
            [
                Line(
                    f"sum by (job, component, api, outcome) ({calls})",
                    f"{_OF_API} {{{{outcome}}}}",
                )
            ],
        ),
        time_series(
            "API errors",
            "The share of calls to each API that failed. A gap: no calls.",
            "percentunit",
            [Line(failed, _OF_API)],
            most=1,
        ),
        time_series(
            "Tokens a second",
            "Tokens that calls to each API used. At 0 where an API has none.",
            "short",
            [Line(queries.signal("api_tokens_rate", COMPONENTS, by=_API), _OF_API)],
        ),
        time_series(
            "Cost an hour",
            "US dollars that an hour costs at the pace of each moment.",
            "currencyUSD",
            [Line(f"{cost} * {_HOUR}", _OF_API)],
        ),
        widths=(12, 12, 12, 12),
    )

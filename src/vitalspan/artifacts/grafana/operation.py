"""One operation from every side: its calls, errors, durations, and what it uses."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana import variables
from vitalspan.artifacts.grafana.consumption import apis, caches, measures, resources
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import heat, number, time_series
from vitalspan.artifacts.grafana.queries import COMPONENTS, OPERATIONS, Queries
from vitalspan.artifacts.grafana.styles import BAD, FAIR, GOOD, POOR, Line, Panel
from vitalspan.artifacts.grafana.tables import Column, rows

UID: Final = "vitalspan-operation"

_BY: Final = ("component", "operation")
_NAMED: Final = "{{component}} {{operation}}"
_BUCKETS: Final = f"{names.OPERATION_DURATION.name}_bucket"
_CANCELLATIONS: Final = names.OPERATION_CANCELLATIONS.name
_ERRORS: Final = ((None, GOOD), (0.01, FAIR), (0.05, POOR), (0.1, BAD))
_AGES: Final = ((None, GOOD), (10, FAIR), (60, BAD))


def operation(queries: Queries, datasource: str) -> Page:
    """Return the dashboard to look at once it is known who is in trouble."""
    page = Page(
        UID,
        "vitalspan / Operation",
        "Calls, errors, durations and what they use. Choose an operation above, or some, or all.",
        OPERATIONS,
        queries,
        datasource,
        more=[variables.measure(OPERATIONS, queries)],
    )
    _now(page, queries)
    _calls(page, queries)
    _durations(page, queries)
    _inside(page, queries)
    resources(page, queries)
    measures(page, queries)
    caches(page, queries)
    apis(page, queries)
    return page


def _now(page: Page, queries: Queries) -> None:
    signal = queries.signal
    page.row(
        "Now",
        number(
            "Calls",
            "Finished calls a second of all operations chosen. Nested operations count each.",
            "reqps",
            Line(f"sum({signal('rate')})", "calls"),
        ),
        number(
            "Errors",
            "The share of calls that raised; cancelled calls are left out.",
            "percentunit",
            Line(f"max({signal('error_ratio')})", "errors"),
            steps=_ERRORS,
            no_value="no calls",
        ),
        number(
            "Median",
            "Half of the calls take no longer.",
            "s",
            Line(f"max({signal('latency_p50')})", "median"),
            no_value="no calls",
        ),
        number(
            "95th percentile",
            "19 of 20 calls take no longer.",
            "s",
            Line(f"max({signal('latency_p95')})", "95th percentile"),
            no_value="no calls",
        ),
        number(
            "In progress",
            "Calls that are inside at this moment.",
            "none",
            Line(f"sum({signal('in_progress')})", "calls"),
        ),
        number(
            "Oldest call",
            "The age of the oldest call that has not ended. One that only grows is stuck, which no "
            "histogram of finished calls shows.",
            "s",
            Line(f"max({signal('oldest_in_progress')})", "age"),
            steps=_AGES,
        ),
        height=5,
    )


def _calls(page: Page, queries: Queries) -> None:
    cancelled = f"sum by (job, component, operation) ({queries.rate(_CANCELLATIONS)})"
    page.row(
        "Rate and errors",
        time_series(
            "Calls",
            "Finished calls a second of each operation, whatever became of them.",
            "reqps",
            [Line(queries.signal("rate", by=_BY), _NAMED)],
        ),
        time_series(
            "Cancelled calls",
            "Calls a second that were given up from outside, by a time-out for example: neither "
            "successes nor errors. A rise says that somebody stopped waiting.",
            "reqps",
            [Line(cancelled, _NAMED)],
        ),
        time_series(
            "Share of errors",
            "The share of each operation's calls that raised; cancelled calls are left out. A gap: "
            "no calls.",
            "percentunit",
            [Line(queries.signal("error_ratio", by=_BY), _NAMED)],
            most=1,
        ),
        _by_type(queries),
        widths=(12, 12, 12, 12),
    )


def _by_type(queries: Queries) -> Panel:
    errors = queries.rate(names.OPERATION_ERRORS.name)
    # A counter of errors is not there before the first of them.
    every = f"sum({errors}) or 0 * sum({queries.signal('rate')})"
    return time_series(
        "Errors by type",
        "Calls a second that raised, by the type of the exception. An error that passes through "
        "nested operations counts in each. A line alone at 0: no errors.",
        "reqps",
        [
            Line(every, "all"),
            Line(
                f"sum by (component, operation, error_type) ({errors})",
                f"{_NAMED}: {{{{error_type}}}}",
            ),
        ],
    )


def _durations(page: Page, queries: Queries) -> None:
    shares = {"p50": "latency_p50", "p95": "latency_p95", "p99": "latency_p99"}
    buckets = f"sum by (le) ({queries.increase(_BUCKETS)})"
    page.row(
        "Duration",
        time_series(
            "Quantiles",
            "Of all operations chosen: p95 is what 19 of 20 calls stay below. A dot is one call "
            "that was traced; it leads to its trace. A gap: no calls.",
            "s",
            [
                *(
                    Line(queries.signal(name), f"{share} {{{{job}}}}", exemplar=True)
                    for share, name in shares.items()
                ),
                Line(queries.signal("latency_mean"), "mean {{job}}"),
            ],
        ),
        heat(
            "Heatmap",
            "How many calls ended when, and how long they took, by the scale below. Two bands are "
            "two kinds of calls, of which a quantile says nothing. A dot is one call that was "
            "traced.",
            "s",
            buckets,
        ),
        time_series(
            "95th percentile by operation",
            "19 of 20 calls of each operation take no longer. A gap: no calls.",
            "s",
            [Line(queries.signal("latency_p95", by=_BY), _NAMED, exemplar=True)],
        ),
        time_series(
            "Mean by operation",
            "The mean duration of each operation's calls. A mean far above the median is made by a "
            "few very long calls.",
            "s",
            [Line(queries.signal("latency_mean", by=_BY), _NAMED)],
        ),
        widths=(12, 12, 12, 12),
    )


def _inside(page: Page, queries: Queries) -> None:
    by = ("component",)
    room = queries.series(names.COMPONENT_CONCURRENCY.name, COMPONENTS)
    page.row(
        "In progress",
        time_series(
            "Calls in progress",
            "Calls of each operation that are inside. One that rises while the rate of calls does "
            "not: calls get slower, or hang.",
            "none",
            [Line(queries.signal("in_progress", by=_BY), _NAMED)],
        ),
        time_series(
            "Oldest call in progress",
            "The age of each operation's oldest call that has not ended. A line that only climbs "
            "is a stuck call.",
            "s",
            [Line(queries.signal("oldest_in_progress", by=_BY), _NAMED)],
        ),
        rows(
            "Concurrency by component",
            "Calls that were inside on average, and for how many there should be room: size pools "
            "and workers by the latter. Whole components, whichever operations are chosen.",
            {"component": "Component"},
            [
                Column("On average", queries.signal("concurrency", COMPONENTS, by=by), "none"),
                Column("Room", f"sum by (job, component) ({room})", "none"),
            ],
        ),
    )

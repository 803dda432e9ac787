"""The dashboard Operation: one operation from every side."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.dashboard import Dashboard, Row, process_dashboard
from vitalspan.artifacts.grafana.panels import (
    Column,
    Heatmap,
    Panel,
    Stat,
    Table,
    Target,
    TimeSeries,
    labels,
    legend,
)
from vitalspan.artifacts.grafana.queries import (
    BY_COMPONENT,
    BY_OPERATION,
    COMPONENTS,
    OPERATIONS,
    Queries,
)
from vitalspan.artifacts.grafana.rows.consumption import consumption_rows
from vitalspan.artifacts.grafana.rows.traffic import (
    OPERATION_UID,
    calls_and_errors,
    calls_in_progress,
)
from vitalspan.artifacts.grafana.variables import measure_variable

_OPERATION: Final = legend(*BY_OPERATION)
_HALF: Final = 12


def operation(queries: Queries) -> Dashboard:
    """Return the dashboard to look at once it is known who is in trouble."""
    return process_dashboard(
        OPERATION_UID,
        "vitalspan / Operation",
        "Calls, errors, durations and resources of operations. Select one operation above, or "
        "several, or all.",
        queries,
        OPERATIONS,
        _now(queries),
        _rate_and_errors(queries),
        _durations(queries),
        _in_progress(queries),
        *consumption_rows(queries),
        variables=[measure_variable(OPERATIONS, queries)],
    )


def _now(queries: Queries) -> Row:
    def quantile(title: str, description: str, signal: str) -> Panel:
        target = Target(f"max({queries.signal(signal)})", title[0].lower() + title[1:])
        return Stat(title, description, [target], "s", no_value="no calls")

    return Row(
        "Now",
        *calls_and_errors(queries, OPERATIONS),
        quantile("Median", "Half of the calls take no longer than this.", "latency_p50"),
        quantile("95th percentile", "95 % of the calls take no longer than this.", "latency_p95"),
        *calls_in_progress(queries, OPERATIONS),
        height=5,
    )


def _rate_and_errors(queries: Queries) -> Row:
    cancelled = queries.rate(metrics.OPERATION_CANCELLATIONS)
    errors = queries.rate(metrics.OPERATION_ERRORS)
    # A counter of errors is not there before the first of them.
    every = f"sum({errors}) or 0 * sum({queries.signal('rate')})"
    by_type = f"sum by (component, operation, error_type) ({errors})"
    return Row(
        "Rate and errors",
        TimeSeries(
            "Calls",
            "Finished calls a second, by operation, whether they succeeded or not.",
            [Target(queries.signal("rate", by=BY_OPERATION), _OPERATION)],
            "reqps",
        ),
        TimeSeries(
            "Cancelled calls",
            "Calls a second that were cancelled, for example by a time-out. They are neither "
            "successes nor errors. A rise means that callers stop waiting.",
            [Target(f"sum by (job, component, operation) ({cancelled})", _OPERATION)],
            "reqps",
        ),
        TimeSeries(
            "Share of errors",
            "The share of each operation's calls that raised an exception. Cancelled calls are not "
            "included. Gaps mean that there were no calls.",
            [Target(queries.signal("error_ratio", by=BY_OPERATION), _OPERATION)],
            "percentunit",
            maximum=1,
        ),
        TimeSeries(
            "Errors by type",
            "Calls a second that raised an exception, by its type. An error that passes through "
            "nested operations counts in each of them. A single line at 0 means that there were no "
            "errors.",
            [Target(every, "all"), Target(by_type, f"{_OPERATION}: {{{{error_type}}}}")],
            "reqps",
        ),
        widths=[_HALF] * 4,
    )


def _durations(queries: Queries) -> Row:
    shares = [
        Target(queries.signal(f"latency_{share}"), f"{share} {{{{job}}}}", exemplar=True)
        for share in ("p50", "p95", "p99")
    ]
    mean = Target(queries.signal("latency_mean"), "mean {{job}}")
    p95 = queries.signal("latency_p95", by=BY_OPERATION)
    return Row(
        "Duration",
        TimeSeries(
            "Quantiles",
            "Durations of all selected operations together: 95 % of the calls take no longer than "
            "p95. Each dot is a call that was traced, and links to its trace. Gaps mean that there "
            "were no calls.",
            [*shares, mean],
            "s",
        ),
        Heatmap(
            "Heatmap",
            "How many calls ended when, by their duration. Two bands mean that there are two kinds "
            "of calls, which a quantile cannot show. Each dot is a call that was traced.",
            [Target(queries.heatmap(metrics.OPERATION_DURATION), "{{le}}", exemplar=True)],
            "s",
        ),
        TimeSeries(
            "95th percentile by operation",
            "95 % of the calls of each operation take no longer than this. Gaps mean that there "
            "were no calls.",
            [Target(p95, _OPERATION, exemplar=True)],
            "s",
        ),
        TimeSeries(
            "Mean by operation",
            "The mean duration of the calls of each operation. A mean far above the median comes "
            "from a few very long calls.",
            [Target(queries.signal("latency_mean", by=BY_OPERATION), _OPERATION)],
            "s",
        ),
        widths=[_HALF] * 4,
    )


def _in_progress(queries: Queries) -> Row:
    room = queries.series(metrics.COMPONENT_CONCURRENCY, COMPONENTS)
    on_average = queries.signal("concurrency", COMPONENTS, by=BY_COMPONENT)
    return Row(
        "In progress",
        TimeSeries(
            "Calls in progress",
            "The running calls of each operation. If they rise while the rate of calls does not, "
            "calls get slower or hang.",
            [Target(queries.signal("in_progress", by=BY_OPERATION), _OPERATION)],
        ),
        TimeSeries(
            "Oldest call in progress",
            "The age of each operation's oldest running call. A line that only climbs is a stuck "
            "call.",
            [Target(queries.signal("oldest_in_progress", by=BY_OPERATION), _OPERATION)],
            "s",
        ),
        Table(
            "Concurrency by component",
            "The running calls on average, and the number of calls that there should be room for, "
            "by which you can size pools and workers. The values are for whole components, "
            "whichever operations are selected.",
            labels("component"),
            [
                Column("On average", on_average, "none"),
                Column("Recommended", f"sum by (job, component) ({room})", "none"),
            ],
        ),
    )

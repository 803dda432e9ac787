"""The dashboard Operation: everything about one operation."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.dashboard import Dashboard, Panels, row
from vitalspan.artifacts.grafana.panels import (
    Column,
    Heatmap,
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
    grouped,
)
from vitalspan.artifacts.grafana.rows.consumption import (
    apis,
    caches,
    call_resources,
    measures,
    models,
)
from vitalspan.artifacts.grafana.rows.traffic import (
    OPERATION_UID,
    calls_and_errors,
    calls_in_progress,
)
from vitalspan.artifacts.grafana.variables import label_variables, measure_variable


@row("Now", height=5)
def _now(queries: Queries) -> Panels:
    def quantile(title: str, description: str, signal: str) -> Stat:
        target = queries.target(signal, title=title[0].lower() + title[1:], how="max")
        return Stat(title, description, [target], no_value="no calls")

    yield from calls_and_errors(queries, OPERATIONS)
    yield quantile("Median", "Half of the calls take no longer than this.", "latency_p50")
    yield quantile("95th percentile", "95 % of the calls take no longer than this.", "latency_p95")
    yield from calls_in_progress(queries, OPERATIONS)


@row("Rate and errors", widths=[12] * 4)
def _rate_and_errors(queries: Queries) -> Panels:
    errors = queries.rate(metrics.OPERATION_ERRORS)
    # A counter of errors does not exist before the first error.
    every = f"sum({errors}) or 0 * sum({queries.signal('rate')})"
    by_type = f"sum by (component, operation, error_type) ({errors})"
    yield TimeSeries(
        "Calls",
        "Finished calls per second, by operation. Failed calls are included.",
        [queries.target("rate", by=BY_OPERATION)],
    )
    yield TimeSeries(
        "Cancelled calls",
        "Calls per second that were cancelled, for example by a time-out. They count neither "
        "as successes nor as errors. If they rise, callers give up waiting.",
        [grouped("sum", queries.rate(metrics.OPERATION_CANCELLATIONS), "job", *BY_OPERATION)],
        "reqps",
    )
    yield TimeSeries(
        "Share of errors",
        "The share of each operation's calls that raised an exception. Cancelled calls are not "
        "included. Gaps mean that there were no calls.",
        [queries.target("error_ratio", by=BY_OPERATION)],
    )
    yield TimeSeries(
        "Errors by type",
        "Calls per second that raised an exception, by its type. An exception that passes "
        "through nested operations counts in each of them. A single line at 0 means that "
        "there were no errors.",
        [Target(every, "all"), Target(by_type, f"{legend(*BY_OPERATION)}: {{{{error_type}}}}")],
        "reqps",
    )


@row("Duration", widths=[12] * 4)
def _durations(queries: Queries) -> Panels:
    shares = [
        queries.target(f"latency_{share}", title=f"{share} {{{{job}}}}", exemplar=True)
        for share in ("p50", "p95", "p99")
    ]
    yield TimeSeries(
        "Quantiles",
        "Durations of all selected operations together: 95 % of the calls take no longer than p95. "
        "Each dot is a call that was traced, and links to its trace. Gaps mean that there were no "
        "calls.",
        [*shares, queries.target("latency_mean", title="mean {{job}}")],
    )
    yield Heatmap(
        "Heatmap",
        "The number of calls that ended, by time and duration. Two bands mean that there are "
        "two kinds of calls, which a percentile cannot show. Each dot is a traced call.",
        [Target(queries.heatmap(metrics.OPERATION_DURATION), "{{le}}", exemplar=True)],
        "s",
    )
    yield TimeSeries(
        "95th percentile by operation",
        "95 % of the calls of each operation take no longer than this. Gaps mean that there were "
        "no calls.",
        [queries.target("latency_p95", by=BY_OPERATION, exemplar=True)],
    )
    yield TimeSeries(
        "Mean by operation",
        "The mean duration of the calls of each operation. If it is far above the median, a "
        "few calls take very long.",
        [queries.target("latency_mean", by=BY_OPERATION)],
    )


@row("In progress")
def _in_progress(queries: Queries) -> Panels:
    room = queries.series(metrics.COMPONENT_CONCURRENCY, COMPONENTS)
    on_average = queries.signal("concurrency", COMPONENTS, by=BY_COMPONENT)
    yield TimeSeries(
        "Calls in progress",
        "The running calls of each operation. If they rise while the rate of calls does not, "
        "calls become slower or hang.",
        [queries.target("in_progress", by=BY_OPERATION)],
    )
    yield TimeSeries(
        "Oldest call in progress",
        "The age of the oldest running call of each operation. A line that only climbs is a "
        "call that is stuck.",
        [queries.target("oldest_in_progress", by=BY_OPERATION)],
    )
    yield Table(
        "Concurrency by component",
        "The average number of running calls of each component, and the number of calls that "
        "it should have room for. Use them to size pools and workers. They cover whole "
        "components, whichever operations are selected.",
        labels("component"),
        [
            Column("On average", on_average, "none"),
            Column("Recommended", f"sum by (job, component) ({room})", "none"),
        ],
    )


OPERATION: Final = Dashboard(
    OPERATION_UID,
    "vitalspan / Operation",
    "Calls, errors, durations and resources of operations. Select one operation above, or several, "
    "or all.",
    (*label_variables(OPERATIONS), measure_variable),
    (
        *(_now, _rate_and_errors, _durations, _in_progress),
        *(call_resources, measures, caches, apis, models),
    ),
)
"""The dashboard for when you know which operation is in trouble."""

"""Sections about calls: operations, components, errors, caches, APIs, single calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from vitalspan.recording.call_record import ERROR, CallRecord
from vitalspan.reports.document import Cell, Fact, Facts, Row, Section, Table, Tone, section, table
from vitalspan.reports.figures import (
    NOTHING,
    count_text,
    date_text,
    rate_text,
    ratio_text,
    seconds_text,
    unit_text,
)
from vitalspan.statistics.call_statistics import (
    ApiStatistics,
    CallStatistics,
    ModelStatistics,
    RunningCall,
)
from vitalspan.statistics.timeline import Timeline
from vitalspan.units import BYTES, DOLLARS

MAX_CALLS: Final = 10
"""The maximum number of calls in a table."""

MAX_ROWS: Final = 20
"""The maximum number of rows in a table."""

BAD_ERROR_RATE: Final = 0.05
"""From here on an error rate is bad; the health model `service` gives no points there."""

_QUANTILES: Final = ("p50", "p95", "p99", "max")


def error_tone(rate: float | None) -> Tone:
    """Return the meaning of an error rate."""
    if not rate:
        return ""
    return "bad" if rate >= BAD_ERROR_RATE else "warning"


def call_facts(calls: CallStatistics) -> Facts:
    """Return the key figures of calls."""
    cancelled = f"{count_text(calls.cancellations)} cancelled" if calls.cancellations else ""
    return Facts(
        [
            Fact("calls", count_text(calls.count), cancelled),
            Fact("throughput", rate_text(calls.throughput)),
            Fact(
                "error rate",
                ratio_text(calls.error_rate),
                f"{count_text(calls.errors)} failed" if calls.errors else "",
                error_tone(calls.error_rate),
            ),
            Fact("p50", seconds_text(calls.p50), "half of the calls take no longer"),
            Fact("p95", seconds_text(calls.p95), "19 of 20 take no longer"),
            Fact("p99", seconds_text(calls.p99)),
            Fact("longest", seconds_text(calls.max)),
        ]
    )


def operations(
    calls: Sequence[CallStatistics], timelines: Iterable[Timeline] = (), left_out: int = 0
) -> Section | None:
    """Return the section of operations, ordered by time, the most first.

    Args:
        calls: the figures of each operation.
        timelines: the figures over time of some of them.
        left_out: the number of further operations.
    """
    lines = {(one.component, one.operation): one for one in timelines if one.slots}
    everything = sum(one.total for one in calls)
    titles = ["operation", "component", ">time", ">calls", ">per second", ">errors"]
    titles += [">error rate", ">mean", *(f">{name}" for name in _QUANTILES)]
    if lines:
        titles += ["calls over time", "p95 over time"]
    rows = []
    for one in calls[:MAX_ROWS]:
        share = one.total / everything if everything else 0.0
        row: list[Cell | str] = [
            str(one.operation),
            str(one.component),
            Cell(ratio_text(share), share=share),
            count_text(one.count),
            rate_text(one.throughput),
            count_text(one.errors),
            _error_rate(one),
            *(seconds_text(getattr(one, name)) for name in ("mean", *_QUANTILES)),
        ]
        if lines:
            line = lines.get((one.component, one.operation))
            slots = line.slots if line else ()
            row.append(Cell("", values=[slot.throughput for slot in slots]))
            row.append(Cell("", values=[slot.p95 for slot in slots]))
        rows.append(row)
    more = left_out + len(calls) - len(rows)
    note = "Time is the share in that of all calls, where a call within a call counts for both."
    if more:
        note += f" {more} more took less time."
    return section("Operations", table(titles, rows, note))


def components(calls: Sequence[CallStatistics]) -> Section | None:
    """Return the section of components; a single one adds nothing to the whole."""
    if len(calls) < 2:
        return None
    titles = ("component", ">calls", ">per second", ">error rate", ">mean", ">p95", ">p99")
    rows: list[Row] = [
        [
            str(one.component),
            count_text(one.count),
            rate_text(one.throughput),
            _error_rate(one),
            *(seconds_text(getattr(one, name)) for name in ("mean", "p95", "p99")),
            count_text(one.in_progress),
        ]
        for one in calls[:MAX_ROWS]
    ]
    return section("Components", table((*titles, ">running"), rows))


def errors(calls: CallStatistics) -> Section | None:
    """Return the section of errors by type."""
    titles = ("error", ">calls", "last message", "last time", "trace")
    rows: list[Row] = [
        [
            Cell(one.error_type, "bad"),
            count_text(one.count),
            one.last_message or NOTHING,
            date_text(one.last_time),
            one.last_trace_id or NOTHING,
        ]
        for one in calls.errors_by_type[:MAX_ROWS]
    ]
    return section("Errors", table(titles, rows))


def resources(calls: CallStatistics, operations_: Sequence[CallStatistics]) -> Section | None:
    """Return the section of caches, APIs, measures and resources."""
    caches = [
        [one.name, count_text(one.hits), count_text(one.misses), ratio_text(one.hit_rate)]
        for one in calls.caches[:MAX_ROWS]
    ]
    apis: list[Row] = [
        [one.name, count_text(one.calls), _error_rate(one), count_text(one.tokens), _cost(one)]
        for one in calls.apis[:MAX_ROWS]
    ]
    models: list[Row] = [
        [
            one.model,
            count_text(one.calls),
            count_text(one.input_tokens),
            count_text(one.output_tokens),
            count_text(one.cached_tokens),
            count_text(one.reasoning_tokens),
            _cost(one),
            seconds_text(one.duration.mean),
            seconds_text(one.duration.p95),
            seconds_text(one.first_token.p95),
        ]
        for api in calls.apis
        for one in api.models
    ]
    tokens = (">input tokens", ">output tokens", ">cached", ">reasoning")
    durations = (">mean", ">p95", ">p95 of first token")
    return section(
        "Caches, APIs, measures and resources",
        table(("cache", ">hits", ">misses", ">hit rate"), caches),
        table(("API", ">calls", ">error rate", ">tokens", ">cost"), apis),
        table(("model", ">calls", *tokens, ">cost", *durations), models[:MAX_ROWS]),
        table(("measure", ">sum"), _sums(calls.measures)),
        _measured(operations_),
    )


def _error_rate(calls: CallStatistics | ApiStatistics) -> Cell:
    return Cell(ratio_text(calls.error_rate), error_tone(calls.error_rate))


def _cost(calls: ApiStatistics | ModelStatistics) -> str:
    return unit_text(calls.cost, DOLLARS)


def _sums(sums: Mapping[str, float]) -> list[list[str]]:
    return [[name, count_text(amount)] for name, amount in list(sums.items())[:MAX_ROWS]]


def counts(sums: Mapping[str, float]) -> Section | None:
    """Return the section of a session's counts."""
    return section("Counts", table(("counted", ">sum"), _sums(sums)))


def _measured(operations_: Sequence[CallStatistics]) -> Table:
    rows: list[Row] = [
        [str(one.operation), seconds_text(one.cpu_seconds), unit_text(one.memory_growth, BYTES)]
        for one in operations_
        if one.cpu_seconds is not None
    ]
    return table(("operation", ">CPU time", ">growth of memory"), rows[:MAX_ROWS])


def calls_table(title: str, calls: Sequence[CallRecord]) -> Section | None:
    """Return a section of single calls."""
    calls = calls[:MAX_ROWS]
    titles = ["operation", ">duration", "labels", "began", "outcome", "message", "trace"]
    profiled = any(one.profile_id for one in calls)
    if profiled:
        titles.append("profile")
    rows: list[Row] = [
        [
            one.operation,
            seconds_text(one.duration),
            _labels(one.labels),
            date_text(one.start),
            Cell(one.error_type or one.outcome, "bad" if one.outcome == ERROR else ""),
            one.error_message or NOTHING,
            one.trace_id or NOTHING,
            *([one.profile_id or NOTHING] if profiled else []),
        ]
        for one in calls
    ]
    return section(title, table(titles, rows))


def running(calls: Sequence[RunningCall]) -> Section | None:
    """Return the section of running calls."""
    titles = ("operation", ">age", "component", "labels", "began", "trace")
    rows: list[Row] = [
        [
            one.operation,
            seconds_text(one.age),
            one.component,
            _labels(one.labels),
            date_text(one.start),
            one.trace_id or NOTHING,
        ]
        for one in calls[:MAX_ROWS]
    ]
    more = len(calls) - len(rows)
    note = f"{more} more are running." if more else ""
    return section("Running now", table(titles, rows, note))


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items()) or NOTHING

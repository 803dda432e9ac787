"""A row about vitalspan itself: what it costs, what it leaves out, what fails in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Panels, row
from vitalspan.artifacts.grafana.panels import Stat, Target, TimeSeries
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, grouped
from vitalspan.config import Settings
from vitalspan.units import duration_text

_WORK: Final = {"counting": metrics.FOLD.name, "rules": metrics.TICK.name}
"""The work of vitalspan outside of calls."""


@row("vitalspan itself", widths=(4, 4, 8, 8, 8, 8, 8))
def vitalspan_itself(queries: Queries) -> Panels:
    """Return the row about what vitalspan says of itself."""
    failed = queries.series(metrics.RULES_RELOAD_FAILED, TARGETS)
    yield Stat(
        "Rule file",
        "Whether the rule file has a mistake in any process. Such a process keeps its "
        "previous rules, and its log names the mistake.",
        [Target(f"max({failed})", "rule file")],
        mappings={0: ("in force", styles.GOOD), 1: ("mistake", styles.BAD)},
        no_value="no file",
        sparkline=False,
    )
    yield Stat(
        "Most label sets",
        "The number of label sets in the process that has the most. When it reaches "
        f"max_series, {Settings.max_series:,} by default, further sets are recorded as "
        f"{metrics.OVERFLOW}.",
        [Target(f"max({queries.series(metrics.SERIES, TARGETS)})", "label sets")],
    )
    yield from _time(queries)
    yield from _faults(queries)


def _time(queries: Queries) -> Panels:
    def total(metric: str, end: str) -> str:
        return f"sum by (job) ({queries.rate(f'{metric}_{end}', TARGETS)})"

    def mean(metric: str) -> str:
        return f"{total(metric, 'sum')} / ({total(metric, 'count')} > 0)"

    yield TimeSeries(
        "Time spent",
        "The processor time that vitalspan itself takes to count calls and to evaluate rules. "
        "100 % is one processor.",
        [Target(total(metric, "sum"), f"{work} {{{{job}}}}") for work, metric in _WORK.items()],
        "percentunit",
    )
    yield TimeSeries(
        "Mean time per run",
        "How long it takes to count a batch of calls, and to evaluate all rules once. A tick "
        f"that takes longer than its interval, {duration_text(Settings.tick_interval)} by "
        "default, delays the next one.",
        [Target(mean(metric), f"{work} {{{{job}}}}") for work, metric in _WORK.items()],
        "s",
    )


def _faults(queries: Queries) -> Panels:
    def total(metric: metrics.Family, label: str, title: str = "") -> Target:
        target = grouped("sum", queries.increase(metric, TARGETS), label)
        return replace(target, legend=f"{title}{target.legend}")

    overflows = queries.increase(metrics.SERIES_OVERFLOWS, TARGETS)
    yield TimeSeries(
        "Internal errors",
        "Errors inside of vitalspan since the previous point, by place. They never reach your "
        "code, and the log shows each kind once. Please report anything above 0.",
        [total(metrics.INTERNAL_ERRORS, "where")],
        "short",
        decimals=0,
    )
    yield TimeSeries(
        "Left out",
        "What vitalspan had to leave out since the previous point: label sets beyond the "
        "limit, which count as _overflow, collectors that raised an exception, and rules that "
        "could not be evaluated. There is no line for collectors and rules until this happens.",
        [
            Target(f"sum({overflows})", "label sets"),
            total(metrics.COLLECTOR_ERRORS, "collector", "collector "),
            total(metrics.RULE_FAILURES, "alertname", "rule "),
        ],
        "short",
        decimals=0,
    )
    yield TimeSeries(
        "Profiles of slow calls",
        "What became of slow calls since the previous point, if they are to be profiled: a profile "
        "was taken, or not, because another call was being profiled (busy), because of "
        "profiles_per_hour (rate_limited), because the call ended before there were enough samples "
        "(too_short), or because it was in no stack (not_found).",
        [total(metrics.PROFILES, "result")],
        "short",
        decimals=0,
    )

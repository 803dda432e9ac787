"""The dashboard Trends: comparisons with the past, slopes, forecasts, and unusual values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Panels, row
from vitalspan.artifacts.grafana.panels import Stat, Target, TimeSeries
from vitalspan.artifacts.grafana.queries import BY_COMPONENT, COMPONENTS, TARGETS, Queries
from vitalspan.artifacts.grafana.variables import label_variables

_HOUR: Final = 3600
_DAY: Final = 86400.0
_PAST: Final = "[1h:1m]"
"""The range for lines and for usual values: the last hour, minute by minute."""

_USUAL: Final = ("usual minimum", "usual maximum")
_DEVIATIONS: Final = 3

_RESIDENT: Final = "process_resident_memory_bytes"
_INSTANCE: Final = "{{instance}}"


@row("Week over week")
def _week_over_week(queries: Queries) -> Panels:
    past = "The lines of a day and a week ago appear once Prometheus has samples of that time."

    def compared(name: str, how: str) -> Iterator[Target]:
        yield queries.target(name, COMPONENTS, "now", how=how)
        for title, ago in (("a day ago", _DAY), ("a week ago", 7 * _DAY)):
            expr = f"{how}({queries.signal(name, COMPONENTS, ago=ago)})"
            yield Target(expr, title, empty="Prometheus has no samples of that time yet")

    yield TimeSeries(
        "Calls",
        f"Finished calls per second, now and in the past. {past}",
        [*compared("rate", "sum")],
    )
    yield TimeSeries(
        "Errors",
        "The share of calls that raised an exception in the worst job, now and in the past. "
        + past,
        [*compared("error_ratio", "max")],
    )
    yield TimeSeries(
        "Duration, 95th percentile",
        "95 % of the calls of the slowest job take no longer than this, now and in the past. "
        + past,
        [*compared("latency_p95", "max")],
    )


@row("Slopes")
def _slopes(queries: Queries) -> Panels:
    def slope(past: str) -> str:
        return f"deriv({past}) * {_HOUR}"

    mean = f"({queries.signal('latency_mean', COMPONENTS, by=BY_COMPONENT)}){_PAST}"
    yield TimeSeries(
        "Slope of the mean duration",
        "How much longer calls become in an hour, by a straight line through the last hour. "
        "Above 0, they become slower.",
        [Target(slope(mean), "{{component}}")],
        "s",
        minimum=None,
    )
    yield TimeSeries(
        "Slope of the health score",
        "How many points the score of each instance gains or loses in an hour, by a straight "
        "line through the last hour.",
        [Target(slope(f"{queries.series(metrics.HEALTH_SCORE, TARGETS)}[1h]"), _INSTANCE)],
        limits=((None, styles.FAIR), (0, styles.GOOD)),
        minimum=None,
    )
    yield TimeSeries(
        "Slope of resident memory",
        "How much memory each process gains in an hour, by a straight line through the last "
        "hour. If it stays above 0 for hours, there is a leak.",
        [Target(slope(f"{queries.series(_RESIDENT, TARGETS)}[1h]"), _INSTANCE)],
        "bytes",
        minimum=None,
    )


@row("Forecasts")
def _forecasts(queries: Queries) -> Panels:
    score = queries.series(metrics.HEALTH_SCORE, TARGETS)
    in_an_hour = f"clamp(predict_linear({score}[1h], {_HOUR}), 0, 100)"
    resident = queries.series(_RESIDENT, TARGETS)
    later = f"predict_linear({resident}[1h], 4 * {_HOUR})"
    yield TimeSeries(
        "Health score in an hour",
        "The score of each instance, and its forecast by a straight line through the last hour.",
        [Target(score, f"{_INSTANCE} now"), Target(in_an_hour, f"{_INSTANCE} in 1h")],
        maximum=100,
    )
    yield TimeSeries(
        "Resident memory in 4 hours",
        "The memory of each process, and its forecast by a straight line through the last hour.",
        [Target(resident, f"{_INSTANCE} now"), Target(later, f"{_INSTANCE} in 4h")],
        "bytes",
    )


@row("Time until full", height=5)
def _time_to_limits(queries: Queries) -> Panels:
    def until(title: str, description: str, left: str, pace: str) -> Stat:
        return Stat(
            title,
            description,
            [Target(f"min({left} / {pace})", "time")],
            "s",
            thresholds=((None, styles.BAD), (4 * _HOUR, styles.FAIR), (3 * _DAY, styles.GOOD)),
            no_value="nothing grows",
        )

    resident = queries.series(_RESIDENT, TARGETS)
    disk = queries.series("system_filesystem_available_bytes", TARGETS)
    yield until(
        "Until memory is full",
        "How long the memory of the machine will last if the process that grew fastest in the "
        "last hour continues to grow at this rate.",
        queries.series("system_memory_available_bytes", TARGETS),
        f"(deriv({resident}[1h]) > 0)",
    )
    yield until(
        "Until the disk is full",
        "How long the root file system will last if it continues to fill up as fast as in the "
        "last 6 hours.",
        disk,
        f"-(deriv({disk}[6h]) < 0)",
    )


@row("Unusual values")
def _unusual(queries: Queries) -> Panels:
    how = (
        f"Values between the dashed lines are usual: they are within {_DEVIATIONS} standard "
        "deviations of the mean of the last hour. Look at what happened when a value left "
        "this range."
    )

    def unusual(what: str, value: Target) -> TimeSeries:
        mean = f"avg_over_time(({value.expr}){_PAST})"
        width = f"{_DEVIATIONS} * stddev_over_time(({value.expr}){_PAST})"
        lower, upper = _USUAL
        targets = [
            value,
            Target(f"{mean} + {width}", upper),
            Target(f"clamp_min({mean} - {width}, 0)", lower),
        ]
        return TimeSeries(f"{what} compared with usual", how, targets, band=_USUAL)

    yield unusual("Calls", queries.target("rate", COMPONENTS, "calls", how="sum"))
    yield unusual("Mean duration", queries.target("latency_mean", COMPONENTS, "mean", how="max"))


TRENDS: Final = Dashboard(
    "vitalspan-trends",
    "vitalspan / Trends",
    "Comparisons with a day and a week ago, slopes, forecasts, and what is unusual compared with "
    "the last hour.",
    label_variables(COMPONENTS),
    (_week_over_week, _slopes, _forecasts, _time_to_limits, _unusual),
    time_from="now-6h",
)
"""The dashboard of slow changes."""

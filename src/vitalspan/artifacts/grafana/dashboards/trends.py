"""The dashboard Trends: compared with before, slopes, forecasts, and what is unusual."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Row, process_dashboard
from vitalspan.artifacts.grafana.panels import Panel, Stat, Target, TimeSeries
from vitalspan.artifacts.grafana.queries import BY_COMPONENT, COMPONENTS, TARGETS, Queries

_HOUR: Final = 3600
_DAY: Final = 86400.0
_PAST: Final = "[1h:1m]"
"""What lines are drawn through, and what the usual is made of: the last hour, minute by minute."""

_USUAL: Final = ("usual minimum", "usual maximum")
_DEVIATIONS: Final = 3

_RESIDENT: Final = "process_resident_memory_bytes"
_INSTANCE: Final = "{{instance}}"


def trends(queries: Queries) -> Dashboard:
    """Return the dashboard of what changes slowly."""
    return process_dashboard(
        "vitalspan-trends",
        "vitalspan / Trends",
        "Comparisons with a day and a week ago, slopes, forecasts, and what is unusual compared "
        "with the last hour.",
        queries,
        COMPONENTS,
        _week_over_week(queries),
        _slopes(queries),
        _forecasts(queries),
        _time_to_limits(queries),
        _unusual(queries),
        time_from="now-6h",
    )


def _week_over_week(queries: Queries) -> Row:
    past = "The lines of a day and a week ago appear once Prometheus has samples of that time."

    def compared(name: str, how: str) -> list[Target]:
        def expr(ago: float = 0.0) -> str:
            return f"{how}({queries.signal(name, COMPONENTS, ago=ago)})"

        no_past = "Prometheus has no samples of then yet"
        return [
            Target(expr(), "now"),
            Target(expr(_DAY), "a day ago", empty=no_past),
            Target(expr(7 * _DAY), "a week ago", empty=no_past),
        ]

    return Row(
        "Week over week",
        TimeSeries(
            "Calls",
            f"Finished calls a second, now and in the past. {past}",
            compared("rate", "sum"),
            "reqps",
        ),
        TimeSeries(
            "Errors",
            "The share of calls that raised an exception in the worst job, now and in the past. "
            f"{past}",
            compared("error_ratio", "max"),
            "percentunit",
            maximum=1,
        ),
        TimeSeries(
            "Duration, 95th percentile",
            "95 % of the calls of the slowest job take no longer than this, now and in the past. "
            f"{past}",
            compared("latency_p95", "max"),
            "s",
        ),
    )


def _slopes(queries: Queries) -> Row:
    def slope(past: str) -> str:
        return f"deriv({past}) * {_HOUR}"

    mean = f"({queries.signal('latency_mean', COMPONENTS, by=BY_COMPONENT)}){_PAST}"
    score = f"{queries.series(metrics.HEALTH_SCORE, TARGETS)}[1h]"
    resident = f"{queries.series(_RESIDENT, TARGETS)}[1h]"
    return Row(
        "Slopes",
        TimeSeries(
            "Slope of the mean duration",
            "How many seconds longer calls take after an hour, by a line through the last hour. "
            "Above 0, calls get slower.",
            [Target(slope(mean), "{{component}}")],
            "s",
            minimum=None,
        ),
        TimeSeries(
            "Slope of the health score",
            "How many points the score of each instance gains or loses in an hour, by a line "
            "through the last hour.",
            [Target(slope(score), _INSTANCE)],
            limits=((None, styles.FAIR), (0, styles.GOOD)),
            minimum=None,
        ),
        TimeSeries(
            "Slope of resident memory",
            "How many bytes each process grows in an hour, by a line through the last hour. If it "
            "stays above 0 for hours, there is a leak.",
            [Target(slope(resident), _INSTANCE)],
            "bytes",
            minimum=None,
        ),
    )


def _forecasts(queries: Queries) -> Row:
    score = queries.series(metrics.HEALTH_SCORE, TARGETS)
    in_an_hour = f"clamp(predict_linear({score}[1h], {_HOUR}), 0, 100)"
    resident = queries.series(_RESIDENT, TARGETS)
    later = f"predict_linear({resident}[1h], 4 * {_HOUR})"
    return Row(
        "Forecasts",
        TimeSeries(
            "Health score in an hour",
            "The score of each instance, and where a line through its last hour leads.",
            [Target(score, f"{_INSTANCE} now"), Target(in_an_hour, f"{_INSTANCE} in 1h")],
            maximum=100,
        ),
        TimeSeries(
            "Resident memory in 4 hours",
            "The memory of each process, and where a line through its last hour leads.",
            [Target(resident, f"{_INSTANCE} now"), Target(later, f"{_INSTANCE} in 4h")],
            "bytes",
        ),
    )


def _time_to_limits(queries: Queries) -> Row:
    def until(title: str, description: str, left: str, pace: str) -> Panel:
        return Stat(
            title,
            description,
            [Target(f"min({left} / {pace})", "time")],
            "s",
            thresholds=((None, styles.BAD), (4 * _HOUR, styles.FAIR), (3 * _DAY, styles.GOOD)),
            no_value="nothing grows",
        )

    memory = queries.series("system_memory_available_bytes", TARGETS)
    resident = queries.series(_RESIDENT, TARGETS)
    disk = queries.series("system_filesystem_available_bytes", TARGETS)
    return Row(
        "Time until full",
        until(
            "Until memory is full",
            "How long the memory of the machine lasts, if the process that grew fastest in the "
            "last hour goes on growing.",
            memory,
            f"(deriv({resident}[1h]) > 0)",
        ),
        until(
            "Until the disk is full",
            "How long the root file system lasts, if it goes on filling up as in the last 6 hours.",
            disk,
            f"-(deriv({disk}[6h]) < 0)",
        ),
        height=5,
    )


def _unusual(queries: Queries) -> Row:
    how = (
        f"The area between the dashed lines is usual: the mean of the last hour, and {_DEVIATIONS} "
        "standard deviations to each side of it. Values outside of it are unusual."
    )

    def unusual(what: str, unit: str, value: str, name: str) -> Panel:
        mean = f"avg_over_time(({value}){_PAST})"
        width = f"{_DEVIATIONS} * stddev_over_time(({value}){_PAST})"
        lower, upper = _USUAL
        targets = [
            Target(value, name),
            Target(f"{mean} + {width}", upper),
            Target(f"clamp_min({mean} - {width}, 0)", lower),
        ]
        return TimeSeries(f"{what} compared with usual", how, targets, unit, band=_USUAL)

    rate = f"sum({queries.signal('rate', COMPONENTS)})"
    mean = f"max({queries.signal('latency_mean', COMPONENTS)})"
    return Row(
        "Unusual values",
        unusual("Calls", "reqps", rate, "calls"),
        unusual("Mean duration", "s", mean, "mean"),
    )

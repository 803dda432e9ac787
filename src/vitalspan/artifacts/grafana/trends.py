"""Where things are going: compared with before, on lines into the future, unlike the usual."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import number, time_series
from vitalspan.artifacts.grafana.queries import COMPONENTS, TARGETS, Queries
from vitalspan.artifacts.grafana.styles import BAD, FAIR, GOOD, Line, Panel

UID: Final = "vitalspan-trends"

_BY: Final = ("component",)
_DAY: Final = 86400.0
_WEEK: Final = 7 * _DAY
_PAST: Final = "[1h:1m]"
"""What lines are drawn through, and what the usual is made of: the last hour, minute by minute."""

_USUAL: Final = ("usual at least", "usual at most")

_RESIDENT: Final = "process_resident_memory_bytes"
_MEMORY_LEFT: Final = "system_memory_available_bytes"
_DISK_LEFT: Final = "system_filesystem_available_bytes"


def trends(queries: Queries, datasource: str) -> Page:
    """Return the dashboard of what changes slowly."""
    page = Page(
        UID,
        "vitalspan / Trends",
        "Now beside a day and a week ago, slopes, forecasts, and what is unlike the last hour.",
        COMPONENTS,
        queries,
        datasource,
        span="now-6h",
    )
    _before(page, queries)
    _slopes(page, queries)
    _forecasts(page, queries)
    _unusual(page, queries)
    return page


def _compared(queries: Queries, name: str, how: str) -> list[Line]:
    times = (("now", 0.0), ("a day ago", _DAY), ("a week ago", _WEEK))
    return [
        Line(f"{how}({queries.signal(name, COMPONENTS, ago=ago)})", when) for when, ago in times
    ]


def _before(page: Page, queries: Queries) -> None:
    past = "The lines of a day and of a week ago are there once Prometheus has samples of then."
    page.row(
        "Week over week",
        time_series(
            "Calls",
            f"Finished calls a second, and as they were. {past}",
            "reqps",
            _compared(queries, "rate", "sum"),
        ),
        time_series(
            "Errors",
            f"The share of calls that raised, in the worst job, and as it was. {past}",
            "percentunit",
            _compared(queries, "error_ratio", "max"),
            most=1,
        ),
        time_series(
            "Duration, 95th percentile",
            f"Of all calls of the slowest job, and as it was. {past}",
            "s",
            _compared(queries, "latency_p95", "max"),
        ),
    )


def _slopes(page: Page, queries: Queries) -> None:
    score = queries.series(names.HEALTH_SCORE.name, TARGETS)
    resident = queries.series(_RESIDENT, TARGETS)
    mean = queries.signal("latency_mean", COMPONENTS, by=_BY)
    zero = ((None, FAIR), (0, GOOD))
    page.row(
        "Slopes",
        time_series(
            "Slope of the mean duration",
            "Seconds that calls get longer in an hour, by a line through the last hour. Around 0 "
            "nothing changes; above it calls get slower.",
            "s",
            [Line(f"deriv(({mean}){_PAST}) * 3600", "{{component}}")],
            least=None,
        ),
        time_series(
            "Slope of the health score",
            "Points that the score of each instance gains or loses in an hour, by a line through "
            "the last hour.",
            "none",
            [Line(f"deriv({score}[1h]) * 3600", "{{instance}}")],
            limits=zero,
            least=None,
        ),
        time_series(
            "Slope of resident memory",
            "Bytes that each process grows by in an hour, by a line through the last hour. Above 0 "
            "for hours on end is a leak.",
            "bytes",
            [Line(f"deriv({resident}[1h]) * 3600", "{{instance}}")],
            least=None,
        ),
    )


def _forecasts(page: Page, queries: Queries) -> None:
    score = queries.series(names.HEALTH_SCORE.name, TARGETS)
    resident = queries.series(_RESIDENT, TARGETS)
    page.row(
        "Forecasts",
        time_series(
            "Health score in an hour",
            "Where the line through the last hour leads, beside the score now; of each instance.",
            "none",
            [
                Line(score, "{{instance}} now"),
                Line(f"clamp(predict_linear({score}[1h], 3600), 0, 100)", "{{instance}} in 1h"),
            ],
            most=100,
        ),
        time_series(
            "Resident memory in 4 hours",
            "Where the line through the last hour leads, beside the memory now; of each process.",
            "bytes",
            [
                Line(resident, "{{instance}} now"),
                Line(f"predict_linear({resident}[1h], 4 * 3600)", "{{instance}} in 4h"),
            ],
        ),
        widths=(12, 12),
    )
    page.row("Time to a limit", *_limits(queries), height=5, widths=(12, 12))


def _limits(queries: Queries) -> list[Panel]:
    resident = queries.series(_RESIDENT, TARGETS)
    memory = queries.series(_MEMORY_LEFT, TARGETS)
    disk = queries.series(_DISK_LEFT, TARGETS)
    soon = ((None, BAD), (4 * 3600, FAIR), (3 * _DAY, GOOD))
    return [
        number(
            "Until memory is full",
            "What the machine has left, at the pace at which the fastest growing process grew in "
            "the last hour.",
            "s",
            Line(f"min({memory} / (deriv({resident}[1h]) > 0))", "time"),
            steps=soon,
            no_value="nothing grows",
        ),
        number(
            "Until the disk is full",
            "What the root file system has left, at the pace at which it filled up in the last 6 "
            "hours.",
            "s",
            Line(f"min({disk} / -(deriv({disk}[6h]) < 0))", "time"),
            steps=soon,
            no_value="nothing grows",
        ),
    ]


def _unusual(page: Page, queries: Queries) -> None:
    rate = f"sum({queries.signal('rate', COMPONENTS)})"
    mean = f"max({queries.signal('latency_mean', COMPONENTS)})"
    how = (
        "Between the dashed lines lies what is usual: the mean of the last hour, and 3 standard "
        "deviations to each side. What leaves them is unlike it."
    )
    page.row(
        "Unlike the last hour",
        time_series("Calls and what is usual", how, "reqps", _band(rate, "calls"), band=_USUAL),
        time_series("Mean duration and what is usual", how, "s", _band(mean, "mean"), band=_USUAL),
        widths=(12, 12),
    )


def _band(value: str, name: str) -> list[Line]:
    middle = f"avg_over_time(({value}){_PAST})"
    width = f"3 * stddev_over_time(({value}){_PAST})"
    return [
        Line(value, name),
        Line(f"{middle} + {width}", _USUAL[1]),
        Line(f"clamp_min({middle} - {width}, 0)", _USUAL[0]),
    ]

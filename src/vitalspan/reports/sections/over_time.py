"""Sections about time: charts, what was unusual, trends and forecasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Final

from vitalspan.reports.document import (
    Band,
    Cell,
    Chart,
    Charts,
    Line,
    Row,
    Section,
    Tone,
    section,
    table,
)
from vitalspan.reports.figures import (
    NOTHING,
    date_text,
    rate_text,
    ratio_text,
    seconds_text,
    unit_text,
)
from vitalspan.reports.overview import Overview
from vitalspan.reports.trends import Anomaly, SignalTrend
from vitalspan.rules.alert import Alert
from vitalspan.statistics.timeline import Slot
from vitalspan.units import BYTES, Unit
from vitalspan.words import duration_words

_BETTER_HIGH: Final = ("rate", "health_score")

TITLES: Final = {
    "rate": "throughput",
    "error_ratio": "error rate",
    "latency_p50": "p50",
    "latency_p95": "p95",
    "latency_p99": "p99",
    "health_score": "health score",
    "cpu_utilization": "CPU of the machine",
    "memory_rss": "memory of the process",
    "memory_utilization": "memory of the machine",
}
"""The names of signals in reports."""

_Lines = Mapping[str, Callable[[Slot], float | None]]
"""The value of a slot for each line."""

_CALLS: Final[_Lines] = {"calls": lambda slot: slot.throughput}
_ERRORS: Final[_Lines] = {"errors": lambda slot: slot.error_rate}
_DURATIONS: Final[_Lines] = {name: attrgetter(name) for name in ("p50", "p95", "p99")}

MAX_ANOMALIES: Final = 20
"""The maximum number of periods to list, the most unusual ones."""


def charts(overview: Overview) -> Section | None:
    """Return the section of charts."""
    if len(overview.timeline.slots) < 2:
        return None
    return section("Over time", Charts(list(_charts(overview))))


def _charts(overview: Overview) -> Iterator[Chart]:
    slots = overview.timeline.slots
    edges = (slots[0].start, *(slot.end for slot in slots))
    alerts = _merged([_band(one, edges[-1]) for one in overview.alerts.past])

    def chart(title: str, lines: _Lines, text: Callable[[float], str], signal: str) -> Chart:
        drawn = (Line(name, [value_of(slot) for slot in slots]) for name, value_of in lines.items())
        bands = [*alerts, *_unusual(overview, signal)]
        return Chart(title, edges, tuple(drawn), text, bands=bands)

    if any(slot.count for slot in slots):
        yield chart("Calls per second", _CALLS, rate_text, "rate")
        yield chart("Error rate", _ERRORS, ratio_text, "error_ratio")
        yield chart("Duration of calls", _DURATIONS, seconds_text, "latency_p95")
    signals = {one.signal: one for one in overview.signals}
    yield from _signal_chart("Health score", signals, edges, "health_score", highest=100.0)
    yield from _signal_chart("CPU of the machine", signals, edges, "cpu_utilization", highest=1.0)
    yield from _signal_chart("Memory of the process", signals, edges, "memory_rss", highest=None)


def _signal_chart(
    title: str,
    signals: dict[str, SignalTrend],
    edges: tuple[float, ...],
    name: str,
    *,
    highest: float | None,
) -> Iterator[Chart]:
    trend = signals.get(name)
    if trend is not None and len(trend.values) == len(edges) - 1:
        unit = trend.unit

        def text(value: float) -> str:
            return unit_text(value, unit)

        lines = (Line(title, trend.values),)
        yield Chart(title, edges, lines, text, highest=highest, is_binary=unit == BYTES)


def _band(alert: Alert, end: float) -> Band:
    fired = alert.fired_at or alert.active_at
    tone: Tone = "bad" if alert.severity in ("error", "critical") else "warning"
    return Band(fired, alert.resolved_at or end, f"{alert.alertname} ({alert.severity})", tone)


def _merged(bands: Sequence[Band]) -> list[Band]:
    """Return bands such that bands with the same tone do not overlap."""
    merged: dict[Tone, list[Band]] = {}
    for band in sorted(bands, key=lambda one: one.start):
        alike = merged.setdefault(band.tone, [])
        if not alike or band.start > alike[-1].end:
            alike.append(band)
            continue
        last = alike[-1]
        labels = dict.fromkeys([*last.label.split(", "), band.label])
        alike[-1] = replace(last, end=max(last.end, band.end), label=", ".join(labels))
    return [band for alike in merged.values() for band in alike]


def _unusual(overview: Overview, name: str) -> list[Band]:
    trend = next((one for one in overview.signals if one.signal == name), None)
    anomalies = () if trend is None else trend.anomalies
    return [Band(one.start, one.end, f"unusual {TITLES[name]}", "quiet") for one in anomalies]


def unusual(overview: Overview) -> Section | None:
    """Return the section of unusual values and their times."""
    found: list[tuple[str, str, Unit, Anomaly]] = [
        (trend.signal, "all calls" if _is_of_calls(trend.signal) else "", trend.unit, one)
        for trend in overview.signals
        for one in trend.anomalies
    ]
    found += [
        (one.signal, one.operation, one.unit, one.anomaly) for one in overview.operation_anomalies
    ]
    found = sorted(found, key=lambda one: -one[3].deviations)[:MAX_ANOMALIES]
    titles = ("what", "of", "from", "until", ">it was", ">usual", ">deviations")
    rows: list[Row] = [
        [
            TITLES[signal],
            subject or NOTHING,
            date_text(one.start),
            date_text(one.end),
            Cell(unit_text(one.value, unit), "" if signal in _BETTER_HIGH else _tone(one)),
            unit_text(one.usual, unit),
            f"{one.deviations:.3g}",
        ]
        for signal, subject, unit, one in sorted(found, key=lambda one: one[3].start)
    ]
    note = (
        "A value is unusual six standard deviations and more from the median of the period, which "
        "are estimated from the median absolute deviation."
    )
    return section("What was unusual", table(titles, rows, note))


def _is_of_calls(signal: str) -> bool:
    return signal in ("rate", "error_ratio") or signal.startswith("latency")


def _tone(anomaly: Anomaly) -> Tone:
    return "bad" if anomaly.value > anomaly.usual else "good"


def trends(overview: Overview) -> Section | None:
    """Return the section of trends and forecasts."""
    rows: list[Row] = []
    ahead, shortfall = 0.0, ""
    for one in overview.signals:
        if one.latest is None:
            continue
        slope, is_steady = one.slope or 0.0, one.direction == "steady"
        ahead, shortfall = max(ahead, one.forecast_seconds or 0.0), one.shortfall or shortfall
        sign = "+" if slope > 0 else ""
        limit_in = None if is_steady else one.limit_in
        figures = (one.latest, one.mean, one.lowest, one.highest)
        rows.append(
            [
                TITLES[one.signal],
                *(unit_text(value, one.unit) for value in figures),
                Cell(one.direction or "not enough data", _direction_tone(one)),
                f"{sign}{unit_text(slope, one.unit)} an hour" if slope else NOTHING,
                NOTHING if is_steady else unit_text(one.forecast, one.unit),
                Cell(seconds_text(limit_in), "" if limit_in is None else "warning"),
            ]
        )
    titles = ("signal", ">last", ">mean", ">lowest", ">highest", "trend", ">slope", ">forecast")
    note = shortfall
    if ahead:
        note = (
            "Trends are lines of least squares. Forecasts say what follows from them for "
            f"{duration_words(round(ahead))} after the end of the period. {shortfall}"
        ).rstrip()
    return section("Trends and forecasts", table((*titles, ">full in"), rows, note))


def _direction_tone(trend: SignalTrend) -> Tone:
    if trend.direction in (None, "steady") or trend.signal == "rate":
        return "" if trend.direction in ("rising", "falling") else "quiet"
    is_better = (trend.direction == "rising") == (trend.signal in _BETTER_HIGH)
    return "good" if is_better else "warning"

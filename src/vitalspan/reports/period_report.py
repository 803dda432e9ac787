"""The report on a period: now, the whole time since the start, or a period in the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vitalspan.recording.call_record import CallRecord
from vitalspan.reports.document import Bullets, Document, Fact, Facts, Section, Tone, section
from vitalspan.reports.figures import NOTHING, date_text, ratio_text, seconds_text, sentence
from vitalspan.reports.overview import Overview
from vitalspan.reports.sections import calls, health_and_alerts, over_time
from vitalspan.statistics.call_statistics import RunningCall
from vitalspan.words import counted, duration_words

_SOON: Final = 86400.0
"""A trend is mentioned if a limit will be reached within this many seconds."""

_LEAST_BUDGET: Final = 0.25
"""An error budget is mentioned if less than this share of it is left."""


def period_document(
    overview: Overview,
    running: Sequence[RunningCall] = (),
    slow: Sequence[CallRecord] = (),
) -> Document:
    """Return the report on a period.

    Args:
        overview: the overview to report.
        running: the running calls.
        slow: the slow calls of the period, the slowest first.
    """
    sections = (
        _summary(overview),
        health_and_alerts.alerts(overview),
        over_time.charts(overview),
        over_time.unusual(overview),
        calls.operations(
            overview.operations, overview.operation_timelines, overview.operations_left_out
        ),
        calls.errors(overview.calls),
        health_and_alerts.error_budgets(overview.slos),
        health_and_alerts.health(overview.health),
        health_and_alerts.recommendations(overview.recommendations),
        over_time.trends(overview),
        calls.components(overview.components),
        calls.resources(overview.calls, overview.operations),
        calls.running(running),
        calls.calls_table("Slow calls", slow),
    )
    return Document(
        f"Report on {overview.service.name or overview.service.instance}",
        _subtitle(overview),
        [part for part in sections if part is not None],
        overview.notes,
        _footer(overview),
    )


def _subtitle(overview: Overview) -> str:
    period = overview.period
    kind = "since the start" if period.wanted is None else duration_words(round(period.seconds))
    return f"{kind}: {date_text(period.start)} to {date_text(period.end)}"


def _footer(overview: Overview) -> str:
    service = overview.service
    processes = f", {service.processes} of its processes together" if service.processes else ""
    return (
        f"Written by vitalspan {service.vitalspan} at {date_text(overview.generated_at)}, on "
        f"{service.instance}{processes}. Counting began at {date_text(service.started)}."
    )


def _summary(overview: Overview) -> Section | None:
    health, figures = overview.health, calls.call_facts(overview.calls)
    facts = [*figures.facts]
    if not overview.period.is_past:
        firing, words, tone = health_and_alerts.firing_text(overview)
        facts.insert(0, Fact("alerts firing", firing, words, tone))
    if health is not None:
        score = NOTHING if health.score is None else f"{health.score:.0f} of 100"
        facts.insert(0, Fact("health", score, health.status, health_and_alerts.status_tone(health)))
    return section("In short", Facts(facts), Bullets(_findings(overview)))


def _findings(overview: Overview) -> list[tuple[str, Tone]]:
    """Return sentences about what a reader should know first."""
    findings: list[tuple[str, Tone]] = []
    if not overview.calls.count:
        findings.append(("No call ended in this period.", "quiet"))
    if overview.health is not None:
        findings += [(sentence(reason), "bad") for reason in overview.health.reasons[:3]]
    fired = [one for one in overview.alerts.past if one.state == "resolved"]
    if fired:
        names = sorted({one.alertname for one in fired})
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        findings.append((f"{counted(len(fired), 'alert')} fired and ended: {listed}.", "warning"))
    for slo in overview.slos:
        if slo.budget_remaining < _LEAST_BUDGET:
            left = f"{ratio_text(slo.budget_remaining)} of its error budget left"
            spent = "spent more than its error budget"
            said = left if slo.budget_remaining > 0 else spent
            findings.append((f"The SLO {slo.name} has {said}.", "bad"))
    for trend in overview.signals:
        if trend.limit_in is not None and trend.limit_in < _SOON:
            title = over_time.TITLES[trend.signal]
            text = f"The {title} will be full in {seconds_text(trend.limit_in)}, if it goes on so."
            findings.append((text, "bad"))
    findings += _unusual(overview)
    return findings


def _unusual(overview: Overview) -> list[tuple[str, Tone]]:
    worst = max(
        (one for one in overview.operation_anomalies if one.signal == "latency_p95"),
        key=lambda one: one.anomaly.deviations,
        default=None,
    )
    if worst is None or worst.anomaly.value < worst.anomaly.usual:
        return []
    found = worst.anomaly
    text = (
        f"{worst.operation} was slow from {date_text(found.start)} to {date_text(found.end)}: its "
        f"p95 reached {seconds_text(found.value)}, where {seconds_text(found.usual)} is usual."
    )
    return [(text, "warning")]

"""Sections about the state of the service: health, alerts, error budgets, recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vitalspan.health.recommendations.recommendation import Recommendation
from vitalspan.health.result import Health
from vitalspan.reports.document import Bullets, Cell, Row, Section, Tone, section, table
from vitalspan.reports.figures import (
    NOTHING,
    count_text,
    date_text,
    ratio_text,
    seconds_text,
    sentence,
)
from vitalspan.reports.overview import Overview
from vitalspan.reports.sections.calls import MAX_ROWS
from vitalspan.rules.alert import Alert
from vitalspan.rules.error_budget import SloStatus
from vitalspan.units import duration_text

_SEVERITY_TONES: Final[dict[str, Tone]] = {
    "critical": "bad",
    "error": "bad",
    "warning": "warning",
    "info": "",
}

_STATUS_TONES: Final[dict[str, Tone]] = {
    "healthy": "good",
    "degraded": "warning",
    "unhealthy": "bad",
    "critical": "bad",
    "no_data": "quiet",
}
"""The tones of the default levels; for other levels it depends on whether they fail."""


def status_tone(health: Health) -> Tone:
    """Return the meaning of a health status."""
    return _STATUS_TONES.get(health.status, "bad" if health.failing else "")


def alerts(overview: Overview) -> Section | None:
    """Return the section of the period's alerts, including pending ones."""
    pending = [one for one in overview.alerts.active if one.state == "pending"]
    listed = [*overview.alerts.past, *pending]
    times: dict[tuple[tuple[str, str], ...], list[Alert]] = {}
    for one in listed:
        times.setdefault(tuple(sorted(one.labels.items())), []).append(one)
    titles = ("alert", "severity", "state", ">times", "since", "until", ">for", "message")
    in_order = sorted(times.values(), key=lambda alike: _since(alike[0]))
    rows = [_alert(alike, overview.period.end) for alike in in_order]
    more = len(rows) - MAX_ROWS
    note = f"{more} earlier ones are left out." if more > 0 else ""
    return section("Alerts", table(titles, rows[-MAX_ROWS:], note))


def _alert(alike: Sequence[Alert], end: float) -> Row:
    """Return the row of an alert that has fired several times, the last one last."""
    first, last = alike[0], alike[-1]
    lasted = sum(max(0.0, (one.resolved_at or end) - _since(one)) for one in alike)
    state = f"{last.state}, acknowledged" if last.acknowledged else last.state
    return [
        last.alertname,
        Cell(last.severity, _SEVERITY_TONES.get(last.severity, "")),
        Cell(state, "good" if last.state == "resolved" else ""),
        count_text(len(alike)),
        date_text(_since(first)),
        date_text(last.resolved_at),
        seconds_text(lasted),
        last.message,
    ]


def _since(alert: Alert) -> float:
    return alert.fired_at or alert.active_at


def error_budgets(slos: Sequence[SloStatus]) -> Section | None:
    """Return the section of error budgets."""
    titles = ("SLO", ">objective", ">good", ">budget left", ">burn rate", ">exhausted in")
    rows: list[Row] = []
    for one in slos[:MAX_ROWS]:
        labels = ", ".join(f"{name}={value}" for name, value in one.labels.items())
        good = 1.0 - one.bad / one.events if one.events else None
        left = max(0.0, one.budget_remaining)
        tone: Tone = "bad" if one.budget_remaining <= 0 else "warning" if left < 0.25 else "good"
        rows.append(
            [
                f"{one.name} {{{labels}}}" if labels else one.name,
                f"{one.objective * 100:.6g} %",
                NOTHING if good is None else f"{good * 100:.6g} %",
                Cell(ratio_text(one.budget_remaining), tone, share=left),
                NOTHING if one.burn_rate is None else f"{one.burn_rate:.3g}",
                _exhausted(one),
                duration_text(one.window),
            ]
        )
    note = ""
    if any(not one.complete for one in slos):
        note = "There is not yet history of every window, and the figures are about what there is."
    return section("Error budgets", table((*titles, ">window"), rows, note))


def _exhausted(slo: SloStatus) -> str:
    if slo.exhausted_in is None:
        return NOTHING
    return seconds_text(slo.exhausted_in) if slo.exhausted_in else "exhausted"


def health(health_: Health | None) -> Section | None:
    """Return the section of the health score: what costs points, and the components."""
    if health_ is None:
        return None
    lost = [one for one in health_.factors if one.points_lost >= 0.05]
    factors: list[Row] = [
        [one.factor, Cell(f"-{one.points_lost:.1f}", "bad"), one.reason]
        for one in sorted(lost, key=lambda one: -one.points_lost)
    ]
    components: list[Row] = [
        [
            one.component,
            _score(one.score),
            Cell(_score(one.effective_score), _STATUS_TONES.get(one.status, "")),
            Cell(one.status.replace("_", " "), _STATUS_TONES.get(one.status, "")),
            ", ".join(one.depends_on) or NOTHING,
            str(one.recommended_concurrency or NOTHING),
        ]
        for one in health_.components[:MAX_ROWS]
    ]
    titles = ("component", ">score", ">effective score", "status", "depends on", ">room for")
    note = "Room for is how many calls at once there should be room for, by Little's law."
    return section(
        f"Health by the model {health_.model}",
        table(("factor", ">points", "why"), factors),
        table(titles, components, note) if len(components) > 1 else None,
    )


def _score(score: float | None) -> str:
    return NOTHING if score is None else f"{score:.1f}"


def recommendations(advice: Sequence[Recommendation]) -> Section | None:
    """Return the section of recommendations, those that gain most points first."""
    items: list[tuple[str, Tone]] = []
    for one in advice[:MAX_ROWS]:
        gain = f" (up to {one.gain:.1f} points)" if one.gain >= 0.05 else ""
        has_own = one.component not in (None, one.subject)
        subject = f"{one.subject} of {one.component}" if has_own else one.subject
        items.append((f"{subject}: {one.suggestion}{gain}. {sentence(one.evidence)}", ""))
    return section("What could be done", Bullets(items))


def firing_text(overview: Overview) -> tuple[str, str, Tone]:
    """Return how many alerts are firing, how many of each severity, and what that means."""
    firing = {severity: count for severity, count in overview.alerts.firing.items() if count}
    words = ", ".join(f"{count} {severity}" for severity, count in firing.items())
    worst = next(iter(firing), "")
    tone: Tone = _SEVERITY_TONES.get(worst, "") if firing else "good"
    return count_text(sum(firing.values())), words, tone

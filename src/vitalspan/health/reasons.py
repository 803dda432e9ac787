"""Describes reasons: the value of a factor, what it costs, and what contributes most to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vitalspan.health.score import CRITICAL_COMPONENT, Part, finite
from vitalspan.rules.scoring import Factor
from vitalspan.signals.catalogue import signal_of, subject_of, unit_of
from vitalspan.signals.history_view import HistoryView
from vitalspan.signals.query import Query
from vitalspan.units import Unit, duration_text, value_text
from vitalspan.words import one_line

WORTH_SAYING: Final = 0.05
"""The minimum number of points for which a reason is given."""

_ROUGH: Final = ("ratio", "number")
_EXACT: Final = 1000.0
"""Ratios and numbers below this are rounded to three digits."""
_PLACES: Final = 6


def subject_words(query: Query) -> str:
    """Return the name of a query's signal for people."""
    subject = subject_of(query)
    name = subject if query.series else subject.replace("_", " ")
    return name if query.slo is None else f"{name} of {query.slo}"


def span(query: Query) -> str:
    """Return the window of a query as ` over 5m`; empty for a query about the current moment."""
    if query.derive is not None:
        return f" over {duration_text(query.derive.over)}"
    if signal_of(query).instant:
        return ""
    return f" over {duration_text(query.window)}"


def reason(part: Part, view: HistoryView, component: str | None = None, worst: str = "") -> str:
    """Return the reason for the points that a factor costs.

    Args:
        part: the factor's part of a score.
        view: the view of the history in which to find the worst contributor.
        component: the component of the score; None for the whole.
        worst: the critical component that limits the score, if the part is about that.
    """
    factor, value = part.factor, part.reading.value
    if factor is CRITICAL_COMPONENT:
        return one_line(f"critical component {worst} at {value:.1f} costs {part.lost:.1f} points")
    if part.score is None or value is None:
        return one_line(_absent(factor, part))
    what = f"{subject_words(factor.query)} {_value_text(value, unit_of(factor.query))}"
    points = f"{part.weight or factor.weight:.3g}"
    text = f"{what}{span(factor.query)} costs {part.lost:.1f} of {points} points"
    if factor.critical:
        limit = factor.limit(part.score)
        limited = "does not limit the score" if part.score == 1 else f"limits it to {limit:.1f}"
        text = f"{what}{span(factor.query)} {limited}"
        text += f", which costs {part.lost:.1f} points" if part.lost >= WORTH_SAYING else ""
    if part.lost < WORTH_SAYING:
        return text
    worst = signal_of(factor.query).worst_contributor(factor.query, view, component)
    return one_line(f"{text}: {worst}" if worst else text)


def _value_text(value: float, unit: Unit) -> str:
    if unit.dimension in _ROUGH and abs(value) < _EXACT:
        value = float(f"{value:.3g}")
    if unit.dimension == "ratio":
        # A difference that comes from rounding is not a change.
        value = round(value, _PLACES) or 0.0
    return value_text(value, unit)


def _absent(factor: Factor, part: Part) -> str:
    what = f"{subject_words(factor.query)} is not known"
    if 0 < part.reading.samples < factor.min_count:
        return f"{what}: {part.reading.samples:.0f} of the {factor.min_count} samples that it needs"
    if finite(part.reading.value) is not None:
        return (
            f"{subject_words(factor.query)} does not count, "
            "because its components have the weight 0"
        )
    return f"{what}: no data{span(factor.query)}"


def worst_first(parts: Iterable[tuple[Part, str]]) -> tuple[str, ...]:
    """Return the reasons of the parts that cost points, the most costly first."""
    reasons = [(part.lost, text) for part, text in parts if part.lost >= WORTH_SAYING]
    return tuple(text for _, text in sorted(reasons, key=lambda one: -one[0]))

"""Why a factor costs points, in words: the value, the cost, and who is most to blame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vitalspan.health.blame import BLAME, Scene
from vitalspan.health.score import CRITICAL_COMPONENT, Part, finite
from vitalspan.rules.scoring import Factor
from vitalspan.signals.catalogue import signal_of, unit_of
from vitalspan.signals.query import Query
from vitalspan.signals.units import Unit, duration_text, value_text

WORTH_SAYING: Final = 0.05
"""Points below which a loss is not told."""

_ROUGH: Final = ("ratio", "number")
_EXACT: Final = 1000.0
"""Ratios and numbers below it are told by three digits."""
_PLACES: Final = 6


def quantity(query: Query) -> str:
    """Return what a query is about, in words."""
    name = query.series or query.signal.replace("_", " ")
    if query.slo is not None:
        name = f"{name} of {query.slo}"
    return name if query.derive is None else f"{query.derive.kind} of {name}"


def span(query: Query) -> str:
    """Return the time that a query's value is of; empty for this moment."""
    if query.derive is not None:
        return f" over {duration_text(query.derive.over)}"
    if signal_of(query).instant:
        return ""
    return f" over {duration_text(query.window)}"


def reason(part: Part, scene: Scene, component: str | None = None, worst: str = "") -> str:
    """Return why a part of a score is what it is.

    Args:
        part: of the score.
        scene: where the blame is looked for.
        component: whose score it is; None for the whole.
        worst: the critical component that the score is no better than, where the part is that.
    """
    factor, value = part.factor, part.reading.value
    if factor is CRITICAL_COMPONENT:
        return plain(f"critical component {worst} at {value:.1f} costs {part.lost:.1f} points")
    if part.score is None or value is None:
        return plain(_absent(factor, part))
    what = f"{quantity(factor.query)} {_value_text(value, unit_of(factor.query))}"
    points = f"{part.weight or factor.weight:.3g}"
    text = f"{what}{span(factor.query)} costs {part.lost:.1f} of {points} points"
    if part.lost < WORTH_SAYING:
        return text
    blamed = _blamed(factor.query, scene, component)
    return plain(f"{text}: {blamed}" if blamed else text)


def plain(text: str) -> str:
    """Return a text in one line: names may have newlines, and what terminals obey."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def _value_text(value: float, unit: Unit) -> str:
    if unit.dimension in _ROUGH and abs(value) < _EXACT:
        value = float(f"{value:.3g}")
    if unit.dimension == "ratio":
        # What rounding leaves of a mean that has not changed is no change.
        value = round(value, _PLACES) or 0.0
    return value_text(value, unit)


def _absent(factor: Factor, part: Part) -> str:
    what = f"{quantity(factor.query)} is not known"
    if 0 < part.reading.samples < factor.min_count:
        return f"{what}: {part.reading.samples:.0f} samples of the {factor.min_count} it takes"
    if finite(part.reading.value) is not None:
        return f"{quantity(factor.query)} does not count: the components it is known of weigh 0"
    return f"{what}: no data{span(factor.query)}"


def _blamed(query: Query, scene: Scene, component: str | None) -> str:
    name = "latency_pNN" if query.quantile is not None else query.signal
    if query.derive is not None:
        name = f"{query.derive.kind} of {name}"
    find = BLAME.get(name)
    return "" if find is None else find(query, scene, component)


def worst_first(parts: Iterable[tuple[Part, str]]) -> tuple[str, ...]:
    """Return the reasons of the parts that cost something, the worst first."""
    told = [(part.lost, text) for part, text in parts if part.lost >= WORTH_SAYING]
    return tuple(text for _, text in sorted(told, key=lambda one: -one[0]))

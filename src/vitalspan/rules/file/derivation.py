"""Reads `derive`: what a rule computes from a signal's values over time."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, cast

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.values import value_of
from vitalspan.history.ticks import LONGEST
from vitalspan.signals.query import Derivation, Derive, Query
from vitalspan.signals.ranges import never_reached, plain_range
from vitalspan.signals.signal import Signal
from vitalspan.units import duration_text
from vitalspan.words import listed

EMPTY_WINDOW: Final = "is not a window: use 30s, 5m or 1h30m"
_SPANS: Final = ("increase", "change", "slope", "anomaly")
_DERIVED: Final = ("increase", "change", "slope", "forecast", "until", "anomaly", "over")
_USABLE: Final = "{increase: 1d}, {change: 1h}, {forecast: 4h, over: 1h} or {until: 90%, over: 1h}"


def with_derivation(
    fields: Fields, query: Query, signal: Signal, *, is_slope: bool
) -> Query | None:
    """Return a query with the derivation in `derive`; None after a mistake.

    Args:
        fields: the fields of the rule.
        query: the query without a derivation.
        signal: the signal of the query.
        is_slope: whether the signal was named as its slope, which is already a derivation.
    """
    inner = fields.mapping("derive", _DERIVED, _USABLE)
    if is_slope:
        if inner is not None:
            name, plain = signal.slope_name, signal.name
            problem = f"{name} is a derived signal already: leave derive out, or use {plain}"
            fields.wrong(problem, "derive")
        return replace(query, derive=Derivation("slope", over=query.window))
    if inner is None:
        return query
    kind = _kind(inner)
    if kind == "increase":
        return _increase(fields, inner, query, signal)
    derivation = None if kind is None else _derivation(inner, kind, query)
    if derivation is None:
        return None
    # While a window fills up, a rate rises, although nothing has changed.
    return replace(query, derive=derivation, whole_window=signal.amount is not None)


def _kind(inner: Fields) -> str | None:
    """Return the name of the derivation."""
    kinds = [name for name in _DERIVED if name != "over" and name in inner]
    if len(kinds) > 1:
        inner.wrong(f"{listed(kinds)} are given: keep one of them")
    elif not kinds:
        inner.missing(_DERIVED[:-1], f"use {_USABLE}")
    if len(kinds) != 1:
        return None
    kind = kinds[0]
    if kind in _SPANS and "over" in inner:
        inner.wrong(f"over does not apply to {kind}: leave it out", "over")
    return kind


def _increase(fields: Fields, inner: Fields, query: Query, signal: Signal) -> Query | None:
    """Return the query for the total of a rate."""
    window = inner.seconds("increase", None, zero=EMPTY_WINDOW)
    if "window" in fields:
        fields.wrong("increase has a window of its own: leave this one out", "window")
    if signal.amount is None:
        problem = f"{signal.name} is not a rate, and only rates have an increase"
        inner.wrong(f"{problem}: use change, or the series of a counter", "increase")
        return None
    if window is None or is_too_long(inner, window, "increase"):
        return None
    return replace(query, window=window, increase=True)


def is_too_long(fields: Fields, window: float, field: str) -> bool:
    """Return whether a window is longer than any history, which is reported as a mistake."""
    if window <= LONGEST:
        return False
    problem = f"rules look back {duration_text(LONGEST)} at most"
    fields.wrong(f"{problem}: use a shorter time", field)
    return True


def _derivation(inner: Fields, kind: str, query: Query) -> Derivation | None:
    if kind in _SPANS:
        over = inner.seconds(kind, None, zero=EMPTY_WINDOW)
        return None if over is None else Derivation(cast("Derive", kind), over)
    inner.required("over", f"{kind} needs the period to look back over, such as over: 1h")
    over = inner.seconds("over", None, zero=EMPTY_WINDOW)
    if kind == "forecast":
        horizon = inner.seconds(kind, None, zero=EMPTY_WINDOW)
        if over is None or horizon is None:
            return None
        return Derivation("forecast", over, horizon=horizon)
    limit = _limit(inner, query)
    return None if over is None or limit is None else Derivation("until", over, limit=limit)


def _limit(inner: Fields, query: Query) -> float | None:
    node = inner.get("until")
    values = plain_range(query)
    limit = None if node is None else value_of(node, values.unit, inner.report)
    if node is None or limit is None:
        return None
    inner.report.wrong(node.place, never_reached(values, limit, node))
    return limit

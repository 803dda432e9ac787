"""Every signal by its name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from vitalspan.signals.calls import CALLS, LATENCY_QUANTILE
from vitalspan.signals.counters import COUNTERS
from vitalspan.signals.health import HEALTH
from vitalspan.signals.process import PROCESS, series_signal
from vitalspan.signals.query import Query
from vitalspan.signals.signal import Signal
from vitalspan.signals.units import NUMBER, RATIO, SECONDS, Unit

SIGNALS: Final = {
    signal.name: signal for signal in (*CALLS, *COUNTERS, LATENCY_QUANTILE, *PROCESS, *HEALTH)
}
"""All signals; `latency_pNN` stands for every quantile."""

MEMORY_GROWTH: Final = "memory_growth"
"""A name for the slope of `memory_rss` over the window: bytes an hour."""

_QUANTILE: Final = re.compile(r"latency_p(?!100)([0-9]{1,2})([0-9]{0,3})", re.ASCII)


def quantile_of(name: str) -> float | None:
    """Return the quantile of `latency_p95` (0.95) or `latency_p999` (0.999), None for others."""
    found = _QUANTILE.fullmatch(name)
    return float(f"0.{found.group(1):0>2}{found.group(2)}") if found else None


def find(name: str) -> Signal | None:
    """Return the signal of that name, or None."""
    if quantile_of(name) is not None:
        return replace(LATENCY_QUANTILE, name=name)
    return None if name == LATENCY_QUANTILE.name else SIGNALS.get(name)


def signal_of(query: Query) -> Signal:
    """Return the signal that a query asks for.

    Raises:
        KeyError: where there is none of that name.
    """
    if query.series is not None:
        return series_signal(query.series)
    found = find(query.signal)
    if found is None:
        raise KeyError(query.signal)
    return found


def unit_of(query: Query) -> Unit:
    """Return the unit of a query's values, derived ones included."""
    unit = signal_of(query).unit
    derived = query.derive
    if derived is None or derived.kind == "forecast":
        return unit
    if derived.kind == "slope":
        return Unit(unit.dimension, "h")
    return {"change": RATIO, "until": SECONDS, "anomaly": NUMBER}[derived.kind]

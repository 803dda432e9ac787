"""The catalogue of signals: every signal by its name.

A new signal belongs into the tuple of its subject's module; only new modules are added here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from vitalspan.signals.caches_and_apis import CACHES_AND_APIS
from vitalspan.signals.latency import LATENCY, LATENCY_QUANTILE
from vitalspan.signals.machine import MACHINE
from vitalspan.signals.operations import CALLS
from vitalspan.signals.query import Query
from vitalspan.signals.registry_metric import registry_metric
from vitalspan.signals.scores import MADE_OF_SCORES, SCORES
from vitalspan.signals.signal import Signal
from vitalspan.signals.slo_burn import BURN_RATE
from vitalspan.signals.source import MONITOR
from vitalspan.signals.worst_operation import WORST_OPERATION
from vitalspan.units import NUMBER, RATIO, SECONDS, Unit

SIGNALS: Final = {
    signal.name: signal
    for signal in (
        *(*CALLS, *LATENCY, *WORST_OPERATION, *CACHES_AND_APIS),
        *(*MACHINE, BURN_RATE, *SCORES),
    )
}
"""All signals; `latency_pNN` stands for every quantile."""

_QUANTILE: Final = re.compile(r"latency_p(?!100)([0-9]{1,2})([0-9]{0,3})", re.ASCII)


def register(signal: Signal) -> Signal:
    """Add your own signal: rules, health, `explain` and exports then support it.

    Args:
        signal: the signal, with a unique name.

    Returns:
        The signal.

    Raises:
        ValueError: if the name is taken.
    """
    taken = {*names(), *SIGNALS}
    if signal.name in taken or quantile_of(signal.name) is not None:
        raise ValueError(f"there is already a signal {signal.name}: use another name")
    SIGNALS[signal.name] = signal
    return signal


def names() -> list[str]:
    """Return the names that rules can use, including those of slopes and of some quantiles."""
    slopes = (signal.slope_name for signal in SIGNALS.values() if signal.slope_name)
    plain = (name for name in SIGNALS if name != LATENCY_QUANTILE.name)
    return sorted((*plain, *slopes, "latency_p50", "latency_p95"))


def quantile_of(name: str) -> float | None:
    """Return the quantile of `latency_p95` (0.95) or `latency_p999` (0.999); None for others."""
    match = _QUANTILE.fullmatch(name)
    return float(f"0.{match.group(1):0>2}{match.group(2)}") if match else None


def find(name: str) -> Signal | None:
    """Return the signal with this name, or None."""
    if quantile_of(name) is not None:
        return replace(LATENCY_QUANTILE, name=name)
    return None if name == LATENCY_QUANTILE.name else SIGNALS.get(name)


def find_slope(name: str) -> Signal | None:
    """Return the signal whose slope over the window has this name, or None."""
    return next((signal for signal in SIGNALS.values() if name and signal.slope_name == name), None)


def signal_of(query: Query) -> Signal:
    """Return the signal of a query.

    Raises:
        KeyError: for an unknown signal.
    """
    if query.series is not None:
        return registry_metric(query.series)
    signal = find(query.signal)
    if signal is None:
        raise KeyError(query.signal)
    return signal


def subject_of(query: Query) -> str:
    """Return the name of a query's signal, with its derivation: `change of latency_p95`."""
    name = signal_of(query).name
    if query.increase:
        return f"increase of {name}"
    return name if query.derive is None else f"{query.derive.kind} of {name}"


def unit_of(query: Query) -> Unit:
    """Return the unit of a query's values, after its derivation."""
    signal = signal_of(query)
    unit = signal.unit
    if query.increase and signal.amount is not None:
        return signal.amount.unit
    derived = query.derive
    if derived is None or derived.kind == "forecast":
        return unit
    if derived.kind == "slope":
        return Unit(unit.dimension, "h")
    return {"change": RATIO, "until": SECONDS, "anomaly": NUMBER}[derived.kind]


def is_made_of_scores(query: Query, prefix: str) -> bool:
    """Return whether a query reads a score, alerts, or something that depends on either.

    An alert on it must never count against the score, which would then depend on itself.

    Args:
        query: the query.
        prefix: the prefix of the monitor's metric names.
    """
    if query.series is not None:
        return query.series.removeprefix(prefix) in MADE_OF_SCORES
    return signal_of(query).source is MONITOR

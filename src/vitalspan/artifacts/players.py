"""Series that make a signal have a given value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from vitalspan import names
from vitalspan.rules.file.ranges import plain_range
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.query import Query

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric, and the labels that its series has beside those of the job."""

_BOUNDS: Final = (*names.DURATION_BOUNDARIES, math.inf)
_LAST: Final = names.DURATION_BOUNDARIES[-1]
_DURATION: Final = names.OPERATION_DURATION.name
_COUNT: Final = f"{_DURATION}_count"
_SIZE: Final = 1e10
"""Bytes of a memory, or of a disk."""


@dataclass(frozen=True)
class Traffic:
    """What a signal is asked to be.

    Attributes:
        query: the signal with its arguments.
        value: which it shall have.
        calls: a second.
        objective: of the SLO that it is about.
    """

    query: Query
    value: float
    calls: float
    objective: float


Played = dict[Series, float]
"""Counters with what they grow by in a second, gauges with what they stand at; NaN is no sample."""

ABSENCES: Final = ("absent", "health_absent")
"""Signals that are 1 while something else is not there."""


def play(traffic: Traffic) -> Played:
    """Return the series that make a signal have a value."""
    query = traffic.query
    if query.series is not None:
        return {(query.series, ()): traffic.value}
    if query.quantile is not None:
        return _quantile(traffic)
    return _PLAYERS[signal_of(query).name](traffic)


def limits(query: Query, objective: float) -> tuple[float, float]:
    """Return the least and the most that a signal can be made to be."""
    if query.quantile is not None:
        return _BOUNDS[0], _LAST
    if query.signal == "latency_stddev":
        return 0.0, 0.4 * _LAST
    if query.signal == "burn_rate":
        return 0.0, 1.0 / (1.0 - objective)
    values = plain_range(query)
    return values.low, values.high


def is_ratio(query: Query) -> bool:
    """Whether many calls make up soon for what few calls were."""
    counted = signal_of(query).counted
    rates = ("rate", "concurrency", "measure_rate", "api_rate", "api_tokens_rate", "api_cost_rate")
    return query.signal == "cpu_utilization" or (bool(counted) and query.signal not in rates)


def _quantile(traffic: Traffic) -> Played:
    """Put calls into two buckets, so that the quantile comes to lie at its place in one of them."""
    value, quantile = traffic.value, traffic.query.quantile or 0.5
    here = next(index for index, bound in enumerate(_BOUNDS) if value <= bound)
    low = _BOUNDS[here - 1] if here else 0.0
    place = (value - low) / (_BOUNDS[here] - low)
    shares = [0.0] * len(_BOUNDS)
    if value >= _LAST:
        shares[-1] = 1.0
    elif here and place <= quantile:
        shares[here - 1] = (quantile - place) / (1 - place)
        shares[here] = 1 - shares[here - 1]
    else:
        shares[here] = min(1.0, quantile / place)
        shares[here + 1] = 1 - shares[here]
    return _histogram(shares, traffic)


def _stddev(traffic: Traffic) -> Played:
    """Put calls into the lowest bucket and one so high that the distance makes the deviation."""
    lowest = _BOUNDS[0]
    middles = [math.sqrt(low * high) for low, high in pairwise(_BOUNDS[:-1])]
    shares = [0.0] * len(_BOUNDS)
    for bucket, middle in enumerate([*middles, _LAST], 1):
        # A share x at a distance d has the variance x (1 - x) d^2, d^2 / 4 at most.
        variance = (traffic.value / (middle - lowest)) ** 2
        if variance <= 0.25:
            shares[bucket] = (1 - math.sqrt(1 - 4 * variance)) / 2
            shares[0] = 1 - shares[bucket]
            break
    return _histogram(shares, traffic)


def _histogram(shares: list[float], traffic: Traffic) -> Played:
    played: Played = {}
    below = 0.0
    for bound, share in zip(_BOUNDS, shares, strict=True):
        below += share
        text = "+Inf" if math.isinf(bound) else repr(float(bound))
        played[f"{_DURATION}_bucket", (("le", text),)] = min(1.0, below) * traffic.calls
    return played | {(_COUNT, ()): traffic.calls}


def _plain(metric: str) -> Callable[[Traffic], Played]:
    return lambda traffic: {(metric, ()): traffic.value}


def _ratio(
    part: Series, whole: Mapping[Series, float], rest: Series | None = None
) -> Callable[[Traffic], Played]:
    """Return a player of the share that one series has of the calls.

    Args:
        part: the series whose share it is.
        whole: the series that count all calls, and by how much.
        rest: the series that has the calls that `part` has not.
    """

    def player(traffic: Traffic) -> Played:
        played = {series: calls * traffic.calls for series, calls in whole.items()}
        if rest is not None:
            played[rest] = (1 - traffic.value) * traffic.calls
        return {part: traffic.value * traffic.calls, **played}

    return player


def _beside(metric: str, counted: Series) -> Callable[[Traffic], Played]:
    """Return a player of a rate beside which calls are counted."""
    return lambda traffic: {(metric, ()): traffic.value, counted: traffic.calls}


def _used(available: str, size: str) -> Callable[[Traffic], Played]:
    where = (("mountpoint", "/"),) if "filesystem" in size else ()
    return lambda traffic: {
        (available, where): (1 - traffic.value) * _SIZE,
        (size, where): _SIZE,
    }


def _measure(traffic: Traffic) -> Played:
    metric = names.measure(str(traffic.query.measure)).name
    return _beside(metric, (_COUNT, ()))(traffic)


def _burn_rate(traffic: Traffic) -> Played:
    slo = (("slo", str(traffic.query.slo)),)
    bad = traffic.value * (1 - traffic.objective)
    return {
        (names.SLO_EVENTS.name, slo): traffic.calls,
        (names.SLO_BAD_EVENTS.name, slo): min(1.0, bad) * traffic.calls,
        (names.SLO_OBJECTIVE.name, slo): traffic.objective,
    }


def _alert_points(traffic: Traffic) -> Played:
    """Let as many alerts fire as make the points, or nearly so: none make 1 or 3."""
    points = {1: 2, 3: 4}.get(round(traffic.value), round(traffic.value))
    played: Played = {}
    odd = points % 2
    counts = {"error": odd, "critical": (points - 5 * odd) // 10}
    counts["warning"] = (points - 5 * odd) % 10 // 2
    for severity, count in counts.items():
        for number in range(count):
            # Severities of one alert would count as one.
            alert = (("alertname", f"Played {severity} {number}"), ("severity", severity))
            played[names.ALERT_STATE.name, alert] = _FIRING
    none = (("alertname", "Played"), ("severity", "info"))
    return {(names.ALERT_STATE.name, none): 0.0, **played}


def _health_absent(traffic: Traffic) -> Played:
    healthy = (("health_status", "healthy"),)
    return {
        (names.HEALTH_STATUS.name, healthy): 1.0,
        (names.HEALTH_SCORE.name, ()): math.nan if traffic.value else 90.0,
    }


def _labelled(metric: str, label: str, value: str) -> Series:
    return metric, ((label, value),)


_API_OK: Final = _labelled(names.API_CALLS.name, "outcome", "ok")
_API_ERROR: Final = _labelled(names.API_CALLS.name, "outcome", "error")
_CPU: Final = "system_cpu_seconds_total"
_FIRING: Final = 2.0
"""The value of `alert_state` while an alert fires."""

_PLAYERS: Final[dict[str, Callable[[Traffic], Played]]] = {
    "rate": _plain(_COUNT),
    "error_ratio": _ratio(
        _labelled(names.OPERATION_ERRORS.name, "error_type", "ValueError"),
        {(_COUNT, ()): 1.0, (names.OPERATION_CANCELLATIONS.name, ()): 0.0},
    ),
    "latency_mean": _ratio((f"{_DURATION}_sum", ()), {(_COUNT, ()): 1.0}),
    "latency_stddev": _stddev,
    "in_progress": _plain(names.OPERATION_IN_PROGRESS.name),
    "oldest_in_progress": _plain(names.OPERATION_OLDEST.name),
    "measure_rate": _measure,
    "call_memory_growth": _ratio((names.OPERATION_MEMORY_GROWTH.name, ()), {(_COUNT, ()): 1.0}),
    "absent": lambda traffic: {(_COUNT, ()): (1 - traffic.value) * traffic.calls},
    "cache_hit_ratio": _ratio(
        _labelled(names.CACHE_REQUESTS.name, "result", "hit"),
        {},
        _labelled(names.CACHE_REQUESTS.name, "result", "miss"),
    ),
    "api_rate": lambda traffic: {_API_OK: traffic.value},
    "api_error_ratio": _ratio(_API_ERROR, {}, _API_OK),
    "api_tokens_rate": _beside(names.API_TOKENS.name, _API_OK),
    "api_cost_rate": _beside(names.API_COST.name, _API_OK),
    "cpu_utilization": _ratio(_labelled(_CPU, "mode", "user"), {}, _labelled(_CPU, "mode", "idle")),
    "memory_rss": _plain("process_resident_memory_bytes"),
    "memory_utilization": _used("system_memory_available_bytes", "system_memory_size_bytes"),
    "disk_utilization": _used("system_filesystem_available_bytes", "system_filesystem_size_bytes"),
    "open_fds": _plain("process_open_fds"),
    "threads": _plain("process_threads"),
    "gc_rate": lambda traffic: {
        _labelled("python_gc_collections_total", "generation", "0"): traffic.value
    },
    "burn_rate": _burn_rate,
    "resource_utilization": _used("system_memory_available_bytes", "system_memory_size_bytes"),
    "concurrency": _beside(f"{_DURATION}_sum", (_COUNT, ())),
    "alert_points": _alert_points,
    "health_score": _plain(names.HEALTH_SCORE.name),
    "component_health_score": _plain(names.COMPONENT_HEALTH_SCORE.name),
    "health_absent": _health_absent,
}

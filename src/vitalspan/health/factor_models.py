"""Health models: the built-in sets of factors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from vitalspan.config import Settings
from vitalspan.rules.burn_rate_alerts import BURN_WINDOWS
from vitalspan.rules.model import Slo
from vitalspan.rules.scoring import Factor, Scoring
from vitalspan.signals.query import Derivation, Query

DEFAULT_MODEL: Final = Settings.health_model

_ENOUGH: Final = 20
"""The number of calls from which on a ratio counts fully: one of 20 calls is 5 %."""

_HOUR: Final = 3600.0

_ERRORS: Final = Query("error_ratio")

_SLOWDOWN: Final = Query("latency_mean", derive=Derivation("change", over=_HOUR))

_limiting = partial(Factor, weight=0.0, critical=True)
"""Makes a factor that limits the score."""

SERVICE: Final = (
    _limiting("errors", _ERRORS, 0.0, 0.05, least=70, full_count=_ENOUGH),
    _limiting("many_errors", _ERRORS, 0.05, 0.15, least=50, full_count=_ENOUGH),
    _limiting("most_errors", _ERRORS, 0.15, 0.5, full_count=_ENOUGH),
    _limiting("worst_operation", Query("worst_operation_error_ratio"), 0.1, 1.0, least=70),
    _limiting("slowdown", _SLOWDOWN, 1.0, 9.0, least=70, full_count=_ENOUGH),
    _limiting("oldest_call", Query("oldest_call_ratio", window=_HOUR), 1.0, 10.0, least=70),
    _limiting("alerts", Query("worst_alert_points"), 0.0, 10.0, least=55),
    _limiting("memory", Query("memory_utilization"), 0.9, 0.98, least=65),
    _limiting("disk", Query("disk_utilization"), 0.9, 0.98, least=65),
    _limiting("cpu", Query("cpu_utilization"), 0.85, 0.95, least=85),
)
"""The model `service`: what the person on call would say of any service. Each factor limits the
score. The score is what the worst factor allows, so that good ones never hide a bad one.

- Errors: a service is not healthy with 5 % of failed calls, unhealthy with 15 %, and nothing is
  left with 50 %. Apdex (apdex.org, specification 1.1) counts failed calls as frustrated: with 6 %
  of them a rating is no longer excellent, with 15 % no longer good, with 50 % unacceptable.
- Slowdown: for Apdex, a call is frustrated from four times the target on. When the mean is ten
  times that of an hour ago, nearly all calls are.
- Memory and disk: 90 to 98 %, where Netdata's stock alarms `ram_in_use` and `disk_space_usage`
  become critical. CPU: 85 to 95 %, as in `10min_cpu_usage`.
- SLOs: from a burn rate of 1 to the one at which the SRE workbook pages (chapter 5, table 5-6).
"""

_LEAST_OF_SLOS: Final = 50.0

CLASSIC: Final = (
    Factor("errors", Query("error_ratio"), full=0.0, zero=1.0, weight=30, min_count=10),
    Factor("alerts", Query("alert_points"), full=0.0, zero=30.0, weight=30),
    Factor("resources", Query("resource_utilization"), full=0.7, zero=1.0, weight=20),
    Factor(
        "trend",
        Query("latency_mean", derive=Derivation("change", over=900.0)),
        full=0.1,
        zero=1.0,
        weight=20,
        min_count=20,
    ),
)
"""The model `classic`. An error ratio of 50 % costs half of the points for errors, and three
critical alerts cost all points for alerts. Resources cost points from 70 % of CPU or memory on. The
trend costs all of its points if calls take twice as long as a quarter of an hour ago."""

PIPELINE: Final = (
    Factor("cache", Query("cache_hit_ratio"), full=0.7, zero=0.0, weight=30, min_count=20),
    Factor("success", Query("error_ratio"), full=0.0, zero=1.0, weight=25, min_count=10),
    Factor("speed", Query("latency_mean"), full=3.0, zero=30.0, weight=25, min_count=5),
    Factor("memory", Query("memory_rss"), full=1e9, zero=2e9, weight=20),
    Factor("alerts", Query("alert_points"), full=0.0, zero=100.0, weight=100, deduct=True),
)
"""The model `pipeline`, for programs that process data. Caches cost points below a hit ratio of
70 %, calls between 3 s and 30 s, and resident memory between 1 GB and 2 GB. The points of firing
alerts are subtracted."""

_FULL_BURN: Final = 1.0
_BURN: Final = BURN_WINDOWS[0]
"""The fastest burn rate of an alert, with its windows."""

_MIN_EVENTS: Final = 10


def slo_factors(slos: Iterable[Slo]) -> tuple[Factor, ...]:
    """Return a factor for each SLO, on the lower of its burn rates over a long and a short window.

    Below `min_count` events, a single bad event would be the worst burn rate. With an objective
    below 93 %, the budget cannot be spent that fast: the worst case is then that all events are
    bad.
    """
    return tuple(
        Factor(
            slo.name,
            Query("burn_rate", window=_BURN.long, short=_BURN.short, slo=slo.name),
            full=_FULL_BURN,
            zero=min(_BURN.burn_rate, 1.0 / (1.0 - slo.objective)),
            weight=1.0,
            min_count=max(_MIN_EVENTS, math.ceil(1.0 / (_BURN.burn_rate * (1.0 - slo.objective)))),
        )
        for slo in slos
    )


def service_factors(slos: Iterable[Slo]) -> tuple[Factor, ...]:
    """Return the factors of the model `service`, with one for each SLO."""
    slo_limits = (
        replace(
            factor,
            name=f"slo:{factor.name}",
            weight=0.0,
            min_count=0,
            critical=True,
            least=_LEAST_OF_SLOS,
            full_count=factor.min_count,
        )
        for factor in slo_factors(slos)
    )
    return (*SERVICE, *slo_limits)


def factors_of(scoring: Scoring, slos: Iterable[Slo], default: str) -> tuple[Factor, ...]:
    """Return the factors of a model and the additional ones.

    Args:
        scoring: the model, and a user's own factors.
        slos: the current SLOs.
        default: the model if neither a model nor a factor is set.
    """
    model = scoring.model or ("" if scoring.factors else default)
    chosen: dict[str, Factor] = {}
    by_slos = {"service": service_factors, "slo": slo_factors}
    builtin = {"classic": CLASSIC, "pipeline": PIPELINE}.get(model, ())
    if model in by_slos:
        builtin = by_slos[model](slos)
    for factor in (*builtin, *scoring.factors):
        chosen[factor.name] = factor
    return tuple(factor for factor in chosen.values() if factor.counts)


def model_name(scoring: Scoring, default: str) -> str:
    """Return the name of the model; `own` if there are only a user's own factors."""
    if scoring.model is None and scoring.factors:
        return "own"
    return scoring.model or default

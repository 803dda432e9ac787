"""The sets of factors that come with vitalspan."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from vitalspan.rules.model import Slo
from vitalspan.rules.scoring import Factor, Scoring
from vitalspan.signals.query import Derivation, Query

DEFAULT_MODEL: Final = "classic"

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
"""Half of its error points are lost at an error ratio of 50 %; three critical alerts cost all of
theirs; resources cost from 70 % of CPU or memory on; twice as slow as a quarter of an hour ago is
the worst trend."""

PIPELINE: Final = (
    Factor("cache", Query("cache_hit_ratio"), full=0.7, zero=0.0, weight=30, min_count=20),
    Factor("success", Query("error_ratio"), full=0.0, zero=1.0, weight=25, min_count=10),
    Factor("speed", Query("latency_mean"), full=3.0, zero=30.0, weight=25, min_count=5),
    Factor("memory", Query("memory_rss"), full=1e9, zero=2e9, weight=20),
    Factor("alerts", Query("alert_points"), full=0.0, zero=100.0, weight=100, deduct=True),
)
"""A hit ratio of 70 %, 30 s a call and 2 GB are where the pipeline monitor raised its alerts. The
points of the alerts that fire are taken off."""

FULL_BURN: Final = 1.0
ZERO_BURN: Final = 14.4
"""2 % of a budget for 30 days in an hour: Google, The Site Reliability Workbook, chapter 5."""

_LEAST_EVENTS: Final = 10


def slo_factors(slos: Iterable[Slo]) -> tuple[Factor, ...]:
    """Return a factor for each SLO, on its burn rate: the lesser of the last hour's and 5 minutes'.

    With fewer events than its gate one bad event alone would make the whole burn rate. An objective
    below 93 % cannot be burnt so fast: there the rate at which every event is bad is the worst.
    """
    return tuple(
        Factor(
            slo.name,
            Query("burn_rate", window=3600.0, short=300.0, slo=slo.name),
            full=FULL_BURN,
            zero=min(ZERO_BURN, 1.0 / (1.0 - slo.objective)),
            weight=1.0,
            min_count=max(_LEAST_EVENTS, math.ceil(1.0 / (ZERO_BURN * (1.0 - slo.objective)))),
        )
        for slo in slos
    )


def factors_of(scoring: Scoring, slos: Iterable[Slo], default: str) -> tuple[Factor, ...]:
    """Return the factors that count.

    Args:
        scoring: what is said about them.
        slos: in force.
        default: the model that counts where none is named, nor any factor.
    """
    model = scoring.model or ("" if scoring.factors else default)
    chosen: dict[str, Factor] = {}
    builtin = {"classic": CLASSIC, "pipeline": PIPELINE}.get(model, ())
    for factor in (*builtin, *(slo_factors(slos) if model == "slo" else ()), *scoring.factors):
        chosen[factor.name] = factor
    return tuple(factor for factor in chosen.values() if factor.weight > 0)


def model_name(scoring: Scoring, default: str) -> str:
    """Return what the factors are called together."""
    if scoring.model is None and scoring.factors:
        return "own"
    return scoring.model or default

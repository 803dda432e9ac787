"""A question about a quantity: which signal, of which series, over which window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitalspan.signals.matching import Matcher

Derive = Literal["change", "slope", "forecast", "until", "anomaly"]


@dataclass(frozen=True)
class Derivation:
    """What is made of a signal's values over time.

    Attributes:
        kind: `change` is the growth against the value `over` ago, as a ratio; `slope` the growth
            an hour, by least squares; `forecast` the value at `horizon` by the same line; `until`
            the seconds until that line crosses `limit`; `anomaly` the distance from the median in
            standard deviations estimated from the median absolute deviation.
        over: seconds of the past that it is made of.
        horizon: seconds ahead, of a forecast.
        limit: what is crossed, in the signal's base unit.
    """

    kind: Derive
    over: float
    horizon: float = 0.0
    limit: float = 0.0


@dataclass(frozen=True)
class Query:
    """A signal with its arguments.

    Attributes:
        signal: a name of the catalogue, empty where `series` is asked for.
        where: conditions on the labels of the series that count.
        window: seconds to look back.
        by: labels that keep series apart; without any they are one.
        quantile: between 0 and 1, of `latency_pNN`.
        measure: of `measure_rate`, the name that `call.add` was given.
        slo: of `burn_rate`, the SLO's name.
        short: seconds of the second window of `burn_rate`: the lesser of both burn rates counts.
        series: a metric of the registry; counters are taken as rates.
        aggregate: how a metric's series become one: `sum`, `avg`, `min` or `max`.
        derive: what is made of the signal, if not the signal itself.
    """

    signal: str
    where: tuple[Matcher, ...] = ()
    window: float = 300.0
    by: tuple[str, ...] = ()
    quantile: float | None = None
    measure: str | None = None
    slo: str | None = None
    short: float | None = None
    series: str | None = None
    aggregate: str = "sum"
    derive: Derivation | None = None

"""A question about a quantity: which signal, of which series, over which window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitalspan.promql.matchers import Matcher

Derive = Literal["change", "slope", "forecast", "until", "anomaly"]


@dataclass(frozen=True)
class Derivation:
    """A derivation of a signal's values over time.

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
        weighed: whether the burn rate over the longer window counts by the share of the window that
            there is history of, as if nothing had been bad before.
        min_bad: with fewer bad events over the longer window of `burn_rate` there is no data.
        series: a metric of the registry; counters are taken as rates.
        aggregate: how a metric's series become one: `sum`, `avg`, `min` or `max`.
        increase: whether a rate counts as what it adds up to in the window.
        whole_window: whether there is no value until there is history of the whole window. Of a
            shorter history, a rate or an increase is too low.
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
    weighed: bool = False
    min_bad: int = 0
    series: str | None = None
    aggregate: str = "sum"
    increase: bool = False
    whole_window: bool = False
    derive: Derivation | None = None

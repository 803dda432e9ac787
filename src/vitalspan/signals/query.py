"""A query of a quantity: the signal, its series and the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitalspan.promql.matchers import Matcher

Derive = Literal["change", "slope", "forecast", "until", "anomaly"]


@dataclass(frozen=True)
class Derivation:
    """A derivation of a signal's values over time.

    Attributes:
        kind: `change` is the relative difference from the value `over` ago; `slope` the increase
            per hour, by least squares; `forecast` the value at `horizon` on the same line; `until`
            the seconds until that line crosses `limit`; `anomaly` the distance from the median in
            standard deviations, which are estimated from the median absolute deviation.
        over: the seconds of the past that are used.
        horizon: the seconds that a forecast looks ahead.
        limit: the value to cross, in the signal's base unit.
    """

    kind: Derive
    over: float
    horizon: float = 0.0
    limit: float = 0.0


@dataclass(frozen=True)
class Query:
    """A signal and its arguments.

    Attributes:
        signal: the name of a signal; empty if `series` is used.
        where: matchers of the labels of the series.
        window: seconds to look back.
        by: labels that separate series; without any they are combined.
        quantile: the quantile of `latency_pNN`, between 0 and 1.
        measure: the measure of `measure_rate`, as passed to `call.add`.
        slo: the name of the SLO of `burn_rate`.
        short: the second window of `burn_rate` in seconds: the lower one of both burn rates counts.
        weighed: whether the burn rate over the longer window is weighed by the share of the window
            with history, as if nothing had been bad before.
        min_bad: the minimum number of bad events over the longer window of `burn_rate`.
        series: a metric of the registry; for counters its rate is used.
        aggregate: how the metric's series are combined: `sum`, `avg`, `min` or `max`.
        increase: whether to use the total of a rate over the window.
        whole_window: whether there is no value until there is history for the whole window. With a
            shorter history, a rate or an increase would be too low.
        derive: the derivation of the signal; None for the signal itself.
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

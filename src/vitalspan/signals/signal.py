"""Signals: one definition for the process, for Prometheus, and for all texts about both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from vitalspan.promql.expression import Expression
from vitalspan.promql.selection import Selection
from vitalspan.signals.history_view import FindContributor, HistoryView
from vitalspan.signals.pool import PooledWindow, SeriesPool
from vitalspan.signals.promtool_series import Inputs
from vitalspan.signals.query import Query
from vitalspan.signals.source import SeriesLabels, Source
from vitalspan.units import RATIO, Unit


class Reading(NamedTuple):
    """A value in the signal's unit, and its number of samples; None is no data."""

    value: float | None
    samples: float


NO_DATA: Final = Reading(None, 0)


Window = SeriesPool | PooledWindow
"""The data for a signal's value: the matching series over a window, combined."""


class Amount(NamedTuple):
    """The total of a rate over a window.

    Attributes:
        unit: the unit of the total.
        summary: the end of a sentence that begins with the signal's name.
        whole: whether it is an integer, which Prometheus' `increase()` only approximates.
    """

    unit: Unit
    summary: str
    whole: bool = False


@dataclass(frozen=True)
class Signal:
    """A quantity over a window, with all its properties.

    Attributes:
        name: the name in rules.
        unit: the unit of its values.
        source: the source of its series.
        summary: the end of a sentence that begins with its name; a format string for `percent`,
            `measure`, `slo` and `aggregate` of the query.
        value: computes its value in a window.
        promql: returns the same for Prometheus, with one sample for each set of the labels to keep.
        inputs: the input series of generated promtool cases; None if it cannot have any.
        lowest: the minimum of its values.
        highest: the maximum, or a function that returns it for the objective of an SLO; by default
            1 for ratios, and infinite for others.
        series_labels: the labels of its series, if they differ from those of its source.
        amount: its total over a window, if it is a rate; None otherwise.
        counted: the counter of its samples; empty if there is always one sample.
        counted_bad: the counter of its bad samples, if a query can require some.
        uncounted: the counter of samples that are left out.
        metrics: the metrics that it reads from a registry or from the monitor.
        own_metric: whether it reads one metric of any name, which already has its prefix.
        argument: the field that a query needs to have.
        instant: whether it is about the current moment, whatever the window is.
        grouped_promql: the PromQL of a health factor, if that of the signal drops the labels of
            what is missing, so that rules cannot group by labels.
        buckets: whether Prometheus computes it from all buckets of a histogram.
        nan_when_empty: whether Prometheus returns NaN if there are no calls.
        absence: whether it is 1 while something is missing, and has no samples otherwise.
        of_alerts: whether it depends on alerts, without those on a score.
        slope_name: a name for its slope over the window.
        contributor: finds what contributes most to its value.
        change_contributor: finds what contributes most to its change.
    """

    name: str
    unit: Unit
    source: Source
    summary: str
    value: Callable[[Window, Query], Reading]
    promql: Callable[[Selection, Query], Expression]
    inputs: Inputs | None = None
    lowest: float = 0.0
    highest: float | Callable[[float], float] | None = None
    series_labels: SeriesLabels | None = None
    amount: Amount | None = None
    counted: str = ""
    counted_bad: str = ""
    uncounted: str = ""
    metrics: tuple[str, ...] = ()
    own_metric: bool = False
    argument: Literal["", "measure", "slo"] = ""
    instant: bool = False
    grouped_promql: Callable[[Selection, Query], Expression] | None = None
    buckets: bool = False
    nan_when_empty: bool = False
    absence: bool = False
    of_alerts: bool = False
    slope_name: str = ""
    contributor: FindContributor | None = None
    change_contributor: FindContributor | None = None

    @property
    def labels(self) -> SeriesLabels:
        """The labels by which its series can be selected and separated."""
        return self.source.labels if self.series_labels is None else self.series_labels

    @property
    def groups(self) -> bool:
        """True if it can be grouped by labels."""
        return self.grouped_promql is None

    @property
    def by_component(self) -> bool:
        """True if components have their own values."""
        return self.source.by_component or self.of_alerts

    def highest_value(self, objective: float | None = None) -> float:
        """Return the maximum of its values.

        Args:
            objective: the objective of the SLO in the query, if it is known.
        """
        if callable(self.highest):
            return math.inf if objective is None else self.highest(objective)
        if self.highest is None:
            return 1.0 if self.unit == RATIO else math.inf
        return self.highest

    def summary_of(self, query: Query) -> str:
        """Return its summary with the arguments of a query, as the end of a sentence."""
        amount = self.amount if query.increase else None
        return (self.summary if amount is None else amount.summary).format(
            percent="" if query.quantile is None else f"{query.quantile * 100:g}",
            measure=query.measure,
            slo=query.slo,
            aggregate=query.aggregate,
        )

    def worst_contributor(self, query: Query, view: HistoryView, component: str | None) -> str:
        """Describe what contributes most to a query's value; empty if nothing is found.

        Args:
            query: a query of this signal.
            view: the view of the history to search.
            component: the component of the value; None for the whole.
        """
        find = self.contributor
        if query.derive is not None:
            find = self.change_contributor if query.derive.kind == "change" else None
        return "" if find is None else find(query, view, component)

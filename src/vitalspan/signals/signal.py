"""Signals: one definition for the process, for Prometheus, and for all that is said about both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from vitalspan.promql.expression import Expression
from vitalspan.promql.selection import Selection
from vitalspan.signals.history_view import FindContributor, HistoryView
from vitalspan.signals.input_series import Inputs
from vitalspan.signals.query import Query
from vitalspan.signals.source import SeriesLabels, Source
from vitalspan.units import RATIO, Unit


class Reading(NamedTuple):
    """A value, in the signal's unit, and how many samples it is made of; None is no data."""

    value: float | None
    samples: float


NO_DATA: Final = Reading(None, 0)


class Window(Protocol):
    """The data of a signal's value: the matching series over a window, pooled."""

    @property
    def seconds(self) -> float:
        """The seconds that what was counted is divided by for a rate; 0 before the first tick.

        These are those of the window, as in Prometheus, even where the history is shorter. They are
        more where the window begins at an older tick.
        """
        ...

    @property
    def series(self) -> int:
        """The number of series that match."""
        ...

    def increase(self, column: str) -> float:
        """Return how much a counter has grown, over all series."""
        ...

    def durations(self) -> list[tuple[float, int]]:
        """Return the middle of each bucket of durations, in seconds, ascending, and its calls."""
        ...

    def in_progress(self) -> tuple[int, float]:
        """Return how many calls are inside now, and the age of the oldest in seconds."""
        ...

    def gauges(self, metric: str) -> list[float]:
        """Return the present values of a registry's or monitor's metric, of all matching series."""
        ...

    def growth(self, metric: str, label: str = "", value: str = "") -> float | None:
        """Return how much a counter of the registry has grown; None before it was seen twice.

        Args:
            metric: its name.
            label: counts only the series that have this label
            value: with this value.
        """
        ...

    def by_operation(self) -> Sequence[Window]:
        """Return the same window for each operation of each component by itself."""
        ...

    def objective(self) -> float:
        """Return the objective of the SLO that is asked about."""
        ...


class Amount(NamedTuple):
    """The amount that a rate adds up to over a window.

    Attributes:
        unit: of the amount.
        summary: the end of a sentence that begins with the signal's name, as that of a signal.
        whole: whether it is a whole number, which `increase()` of Prometheus only nearly is.
    """

    unit: Unit
    summary: str
    whole: bool = False


@dataclass(frozen=True)
class Signal:
    """A quantity over a window, with everything that is true of it.

    Attributes:
        name: as rules have it.
        unit: of its values.
        source: of its series.
        summary: the end of a sentence that begins with its name; a format of `percent`, `measure`,
            `slo` and `aggregate`, which a query gives.
        value: computes its value in a window.
        promql: returns the same for Prometheus, one sample for each combination of the labels that
            stay.
        inputs: the series that give it a value in the generated cases of promtool; None if there
            can be none.
        lowest: the least value that there can be.
        highest: the greatest one, or what returns it for the objective of an SLO; by default 1 for
            ratios, and endless for all others.
        series_labels: the labels of its series, where they are not those of its source.
        amount: what it adds up to, where it is a rate; None where it is none.
        counted: the counter of its samples; empty where there is always one.
        counted_bad: the counter of those among them that are bad, where a query can ask for some.
        uncounted: the counter of those among them that are left out.
        metrics: what it reads from a registry, or of what the monitor makes.
        own_metric: whether it reads one metric of any name, which has its prefix already.
        argument: the field of the query that it cannot do without.
        instant: whether it is about this moment, whatever the window.
        grouped_promql: the PromQL of a health factor, where that of the signal forgets the labels
            of what is missing, so that rules cannot tell it apart by labels.
        buckets: whether Prometheus computes it from every bucket of a histogram.
        nan_when_empty: whether Prometheus computes NaN of no calls.
        absence: whether it is 1 while something is missing, and has no samples otherwise.
        of_alerts: whether it is made of alerts, of which those that read a score are left out.
        slope_name: a name for its slope over the window.
        contributor: finds what makes most of its value.
        change_contributor: finds what makes most of its change.
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
        """The labels that its series can be selected and told apart by."""
        return self.source.labels if self.series_labels is None else self.series_labels

    @property
    def groups(self) -> bool:
        """True if it can be grouped by labels."""
        return self.grouped_promql is None

    @property
    def by_component(self) -> bool:
        """True if components have values of their own."""
        return self.source.by_component or self.of_alerts

    def highest_value(self, objective: float | None = None) -> float:
        """Return the greatest value that there can be.

        Args:
            objective: of the SLO that is asked about, where it is known.
        """
        if callable(self.highest):
            return math.inf if objective is None else self.highest(objective)
        if self.highest is None:
            return 1.0 if self.unit == RATIO else math.inf
        return self.highest

    def summary_of(self, query: Query) -> str:
        """Return what it is with the arguments of a query, as the end of a sentence."""
        amount = self.amount if query.increase else None
        return (self.summary if amount is None else amount.summary).format(
            percent="" if query.quantile is None else f"{query.quantile * 100:g}",
            measure=query.measure,
            slo=query.slo,
            aggregate=query.aggregate,
        )

    def worst_contributor(self, query: Query, view: HistoryView, component: str | None) -> str:
        """Return what makes most of a query's value, in words; empty where nothing is found.

        Args:
            query: on this signal.
            view: of the history that is searched.
            component: whose value it is; None for the whole.
        """
        find = self.contributor
        if query.derive is not None:
            find = self.change_contributor if query.derive.kind == "change" else None
        return "" if find is None else find(query, view, component)

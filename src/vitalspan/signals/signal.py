"""What a signal is: one definition with two evaluators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from vitalspan.signals.promql import Selection
from vitalspan.signals.query import Query
from vitalspan.signals.units import Unit

Source = Literal["operations", "caches", "apis", "slos", "registry", "monitor"]
"""Where the series come from. The first four have a history; a registry is read at each tick, and
what the monitor makes at a tick, such as scores, is known from then on."""

LABELS: Final[dict[str, tuple[str, ...] | None]] = {
    "operations": None,
    "caches": ("component", "cache"),
    "apis": ("component", "api"),
    "slos": ("slo",),
    "registry": None,
    "monitor": None,
}
"""The labels that the series of a source have; None where users may declare any."""


class Reading(NamedTuple):
    """A value, in the signal's unit, and how many samples it is made of; None is no data."""

    value: float | None
    samples: float


NO_DATA: Final = Reading(None, 0)


class Window(Protocol):
    """What a signal's value is computed from: the matching series over the window, pooled."""

    @property
    def seconds(self) -> float:
        """The time between the ticks at which the window begins and ends."""
        ...

    @property
    def series(self) -> int:
        """How many series match."""
        ...

    def increase(self, column: str) -> float:
        """How much a counter has grown, over all series."""
        ...

    def buckets(self) -> list[int]:
        """The calls by bucket of the fine grid."""
        ...

    def in_progress(self) -> tuple[int, float]:
        """How many calls are inside now, and the age of the oldest in seconds."""
        ...

    def gauges(self, metric: str) -> list[float]:
        """The present values of a metric of the registry or monitor, of all matching series."""
        ...

    def growth(self, metric: str, label: str = "", value: str = "") -> float | None:
        """How much a counter of the registry has grown; None before it was seen twice.

        Args:
            metric: its name.
            label: counts only the series that have this label
            value: with this value.
        """
        ...

    def objective(self) -> float:
        """The objective of the SLO that is asked about."""
        ...


@dataclass(frozen=True)
class Signal:
    """A quantity over a window.

    Attributes:
        name: as rules say it.
        unit: of its values.
        source: where its series come from.
        summary: what it is, as the end of a sentence that begins with its name.
        value: its value in a window.
        promql: the same for Prometheus, one sample for each combination of the labels that stay.
        counted: the counter of its samples; empty where there is always one.
        metrics: what it reads from a registry, or of what the monitor makes.
        argument: the field of the query that it cannot do without.
        instant: whether it is about this moment, whatever the window.
        groups: whether it can be told apart by labels.
    """

    name: str
    unit: Unit
    source: Source
    summary: str
    value: Callable[[Window, Query], Reading]
    promql: Callable[[Selection, Query], str]
    counted: str = ""
    metrics: tuple[str, ...] = ()
    argument: Literal["", "measure", "slo"] = ""
    instant: bool = False
    groups: bool = True

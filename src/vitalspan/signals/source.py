"""Sources of series: operations, caches, APIs, SLOs, the registry, and the monitor itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from vitalspan import metrics as names
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.words import suggestion

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.history.series_index import SeriesIndex


@dataclass(frozen=True)
class SeriesLabels:
    """The labels by which series can be selected and separated.

    Attributes:
        only: all labels that the series have; None if users may declare any.
        foreign: if they may have any labels, those that they never have.
        refusal: the message about an unknown label; a format string for `signal` and `label`.
    """

    only: tuple[str, ...] | None = None
    foreign: frozenset[str] = frozenset()
    refusal: str = "{signal} has no label {label}: leave it out"

    def refuse(self, label: str, signal: str) -> str:
        """Return why a label cannot be used; empty if it can.

        Args:
            label: the name of the label.
            signal: the name of the signal.
        """
        if label not in self.foreign and (self.only is None or label in self.only):
            return ""
        if self.only is not None and len(self.only) > 1:
            return f"{signal} has no label {label}: {suggestion(label, self.only)}"
        return self.refusal.format(signal=signal, label=label)


@dataclass(frozen=True)
class Source:
    """A kind of series, with the properties that all of its signals share.

    Attributes:
        name: the name of the kind.
        labels: the labels of the series.
        samples: the plural noun for samples, for sentences.
        example: example labels of a series, for generated tests.
        index: returns the series of this kind in a history; None if there is no index.
        by_component: whether all series have the label `component`.
    """

    name: str
    labels: SeriesLabels = SeriesLabels()
    samples: str = "samples"
    example: Mapping[str, str] = field(default_factory=dict, hash=False)
    index: Callable[[History], SeriesIndex[Any]] | None = None
    by_component: bool = False


OPERATIONS: Final = Source(
    "operations",
    SeriesLabels(
        foreign=names.RESERVED_LABELS - {COMPONENT, OPERATION},
        refusal="{signal} has no label {label}: "
        "use component, operation or labels that operations declare",
    ),
    samples="calls",
    example={COMPONENT: "default", OPERATION: "work"},
    index=lambda history: history.operations,
    by_component=True,
)
CACHES: Final = Source(
    "caches",
    SeriesLabels(only=(COMPONENT, "cache")),
    samples="look-ups",
    example={COMPONENT: "default", "cache": "pages"},
    index=lambda history: history.caches,
    by_component=True,
)
APIS: Final = Source(
    "apis",
    SeriesLabels(only=(COMPONENT, "api")),
    samples="calls",
    example={COMPONENT: "default", "api": "maps"},
    index=lambda history: history.apis,
    by_component=True,
)
SLOS: Final = Source(
    "slos",
    SeriesLabels(only=("slo",)),
    samples="calls",
    index=lambda history: history.slos,
)
REGISTRY: Final = Source(
    "registry",
    SeriesLabels(
        foreign=frozenset({COMPONENT, OPERATION}),
        refusal="{signal} is about the whole process and has no label {label}: leave it out",
    ),
)
"""The metrics of the monitor's registry. Those that are used are read at each tick. They belong to
a process: several instances have no sum, and the worst one counts."""

MONITOR: Final = Source("monitor")
"""Values that the monitor provides at each tick, such as scores."""

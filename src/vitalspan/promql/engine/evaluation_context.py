"""The context that the nodes of a plan share during an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from vitalspan.promql.engine.series import SeriesSource

LOOKBACK: Final = 300_000
"""The default number of milliseconds for which a sample is valid."""

SUBQUERY_INTERVAL: Final = 60_000
"""The default step of subqueries in milliseconds."""

Severity = Literal["warning", "info"]


class EvaluationError(Exception):
    """An expression has no value for these samples, for example because matching is ambiguous."""


class Annotations(dict[str, Severity]):
    """The annotations of a result: texts with their severities."""

    def warn(self, text: str) -> None:
        """Add a warning: the result may not be what was intended."""
        self[f"PromQL warning: {text}"] = "warning"

    def inform(self, text: str) -> None:
        """Add an info annotation."""
        self[f"PromQL info: {text}"] = "info"

    def of(self, severity: Severity) -> list[str]:
        """Return the texts with a severity."""
        return [text for text, has in self.items() if has == severity]


@dataclass(slots=True, eq=False)
class EvaluationContext:
    """The time of an evaluation, the source of its series, and its annotations.

    Attributes:
        source: the source of series.
        start: the first step, in milliseconds since the epoch, which is also `@ start()`.
        end: the last step, which is also `@ end()`.
        step: milliseconds between the steps of a range; 0 if there is only one step.
        lookback: milliseconds for which a sample is valid.
        subquery_interval: the default step of subqueries in milliseconds.
        now: the current step, in milliseconds since the epoch.
        annotations: warnings and infos so far.
        constant: the results of nodes that are the same at every step.
        has_histograms: whether a selector has returned a native histogram so far. If not, nodes
            need not check for them.
    """

    source: SeriesSource
    start: int
    end: int
    step: int = 0
    lookback: int = LOOKBACK
    subquery_interval: int = SUBQUERY_INTERVAL
    now: int = field(init=False)
    annotations: Annotations = field(default_factory=Annotations, init=False)
    constant: dict[object, Any] = field(default_factory=dict, init=False)
    has_histograms: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.now = self.start

    @property
    def is_range(self) -> bool:
        """True if a range of steps is evaluated."""
        return self.step > 0

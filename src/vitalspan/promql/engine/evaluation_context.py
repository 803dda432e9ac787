"""The context that the nodes of a plan share while it is evaluated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from vitalspan.promql.engine.series import SeriesSource

LOOKBACK: Final = 300_000
"""Milliseconds that a sample holds, by default."""

SUBQUERY_INTERVAL: Final = 60_000
"""Milliseconds between the steps of a subquery that names none, by default."""

Severity = Literal["warning", "info"]


class EvaluationError(Exception):
    """An expression has no value for these samples, as matching that is ambiguous."""


class Annotations(dict[str, Severity]):
    """The annotations of an evaluation's result: texts with their severity."""

    def warn(self, text: str) -> None:
        """Add a warning: the result may not be what was meant."""
        self[f"PromQL warning: {text}"] = "warning"

    def inform(self, text: str) -> None:
        """Add an information."""
        self[f"PromQL info: {text}"] = "info"

    def of(self, severity: Severity) -> list[str]:
        """Return the texts of a severity."""
        return [text for text, has in self.items() if has == severity]


@dataclass(slots=True, eq=False)
class EvaluationContext:
    """The time of an evaluation, the source of its series, and what it has to say.

    Attributes:
        source: where series come from.
        start: the first step, in milliseconds since the epoch; `@ start()` is this time.
        end: the last step, and `@ end()`.
        step: milliseconds between the steps of a range; 0 where there is only one step.
        lookback: milliseconds that a sample holds.
        subquery_interval: milliseconds between the steps of a subquery that names none.
        now: the step that is evaluated, in milliseconds since the epoch.
        annotations: warnings and infos so far.
        constant: what nodes evaluate to that give the same at every step.
        has_histograms: whether a selector has given a native histogram so far. Where none has,
            nobody has to look for one.
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

"""The context of PromQL: everything that all expressions of an export share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from vitalspan.metrics import DURATION_BOUNDARIES

DEFAULT_STEP: Final = 15.0
"""Seconds between two evaluations, unless a group or an option gives others."""

_COLLECTED: Final = ("process_", "python_", "system_")
"""The beginnings of names that never get a prefix: other libraries export them as well."""


Growth = Literal["rate", "increase"]
"""How PromQL takes the growth of a counter: a second, or over the whole window."""


class RecordingLookup(Protocol):
    """Finds the recorded series to use in place of rates."""

    def rate(self, metric: str, window: float, growth: Growth = "rate") -> str | None:
        """Return the series that has the rate of a counter over a window, if there is one.

        Args:
            metric: the counter.
            window: seconds to look back.
            growth: `increase` for what it has grown by altogether.
        """
        ...

    def ratio(self, part: str, whole: str, window: float, slo: str) -> str | None:
        """Return the series that has an SLO's rate of one counter over that of another, if any.

        Args:
            part: the counter above.
            whole: the counter below.
            window: seconds that both rates are over.
            slo: the SLO's name.
        """
        ...

    def timestamp(self, metric: str, slo: str) -> str | None:
        """Return the series that has the time of an SLO's latest sample of a counter, if any."""
        ...


class _NothingRecorded:
    def rate(self, metric: str, window: float, growth: Growth = "rate") -> str | None:  # noqa: ARG002
        return None

    def ratio(self, part: str, whole: str, window: float, slo: str) -> str | None:  # noqa: ARG002
        return None

    def timestamp(self, metric: str, slo: str) -> str | None:  # noqa: ARG002
        return None


NOTHING_RECORDED: Final[RecordingLookup] = _NothingRecorded()


@dataclass(frozen=True)
class PromqlContext:
    """The settings that all expressions of an export share.

    Attributes:
        prefix: before the names of vitalspan's own metrics.
        step: seconds between two evaluations.
        per_instance: whether the label `instance` stays.
        recorded: finds recording rules to use in place of rates.
        objectives: of the SLOs by name; of others the gauge is asked.
        scores: the recorded series to take in place of each metric that is a score.
        not_counted: names of the alerts that do not count against a score.
        native_histograms: whether durations are taken from native histograms where there are any.
        boundaries: the exported bucket boundaries of durations, in seconds, without the infinite
            one.
    """

    prefix: str = ""
    step: float = DEFAULT_STEP
    per_instance: bool = False
    recorded: RecordingLookup = field(default=NOTHING_RECORDED, compare=False)
    objectives: Mapping[str, float] = field(default_factory=dict, compare=False)
    scores: Mapping[str, str] = field(default_factory=dict, compare=False)
    not_counted: tuple[str, ...] = ()
    native_histograms: bool = False
    boundaries: tuple[float, ...] = DURATION_BOUNDARIES

    def name(self, metric: str) -> str:
        """Return what a metric is called in Prometheus."""
        return metric if metric.startswith(_COLLECTED) else self.prefix + metric

    def unrecorded(self, *, per_instance: bool | None = None) -> PromqlContext:
        """Return the context without recorded rates, and maybe of each instance by itself."""
        apart = self.per_instance if per_instance is None else per_instance
        return replace(self, recorded=NOTHING_RECORDED, per_instance=apart)


DEFAULT_CONTEXT: Final = PromqlContext()
"""The context of PromQL that is not for an export."""

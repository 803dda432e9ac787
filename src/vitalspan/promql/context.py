"""The context of PromQL: the settings that all expressions of an export share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from vitalspan.metrics import DURATION_BOUNDARIES

DEFAULT_STEP: Final = 15.0
"""Seconds between two evaluations, unless a group or an option sets others."""

_COLLECTED: Final = ("process_", "python_", "system_")
"""The prefixes of names that never get ours, because other libraries export them as well."""


Growth = Literal["rate", "increase"]
"""How PromQL computes the increase of a counter: per second, or over the whole window."""


class RecordingLookup:
    """Finds recorded series to use instead of rates; this one finds none."""

    def rate(self, metric: str, window: float, growth: Growth = "rate") -> str | None:  # noqa: ARG002
        """Return the recorded series with the rate of a counter over a window, if there is one.

        Args:
            metric: the counter.
            window: seconds to look back.
            growth: `increase` for the total increase.
        """
        return None

    def ratio(self, part: str, whole: str, window: float, slo: str) -> str | None:  # noqa: ARG002
        """Return the recorded series with an SLO's ratio of two counters' rates, if there is one.

        Args:
            part: the counter of the numerator.
            whole: the counter of the denominator.
            window: the window of both rates in seconds.
            slo: the name of the SLO.
        """
        return None

    def timestamp(self, metric: str, slo: str) -> str | None:  # noqa: ARG002
        """Return the series that has the time of an SLO's latest sample of a counter, if any."""
        return None


NOTHING_RECORDED: Final = RecordingLookup()


@dataclass(frozen=True)
class PromqlContext:
    """The settings that all expressions of an export share.

    Attributes:
        prefix: the prefix of vitalspan's own metrics.
        step: seconds between two evaluations.
        per_instance: whether to keep the label `instance`.
        recorded: finds recording rules to use instead of rates.
        objectives: the objectives of SLOs by name; for others the gauge is used.
        scores: the recorded series to use instead of each metric that is a score.
        not_counted: the names of alerts that do not count against a score.
        native_histograms: whether durations come from native histograms if there are any.
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
        """Return the name of a metric in Prometheus."""
        return metric if metric.startswith(_COLLECTED) else self.prefix + metric

    def unrecorded(self, *, per_instance: bool | None = None) -> PromqlContext:
        """Return the context without recorded rates, and optionally per instance."""
        apart = self.per_instance if per_instance is None else per_instance
        return replace(self, recorded=NOTHING_RECORDED, per_instance=apart)


DEFAULT_CONTEXT: Final = PromqlContext()
"""The default context of PromQL, outside of exports."""

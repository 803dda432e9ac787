"""PromQL for a selection of series: the same for every signal, whatever it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from vitalspan.signals.matching import Matcher, quoted
from vitalspan.signals.units import duration_text

_COLLECTED: Final = ("process_", "python_", "system_")
"""How the metrics begin that a prefix is never put before: their names are everybody's."""


class Recorded(Protocol):
    """Finds the recorded series to use in place of rates."""

    def rate(self, metric: str, window: float) -> str | None:
        """Return the series that has the rate of a counter over a window, if there is one."""
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


class _Nothing:
    def rate(self, metric: str, window: float) -> str | None:  # noqa: ARG002
        return None

    def ratio(self, part: str, whole: str, window: float, slo: str) -> str | None:  # noqa: ARG002
        return None


NOTHING_RECORDED: Final[Recorded] = _Nothing()


@dataclass(frozen=True)
class Selection:
    """Which series a signal's PromQL is made of, and what keeps them apart.

    Attributes:
        where: conditions on labels.
        window: seconds to look back.
        by: labels that stay. `job` always does.
        worst: how instances become one where adding them up means nothing: `max` or `min`.
        per_instance: whether `instance` stays.
        prefix: before the names of vitalspan's own metrics.
        offset: seconds to go back in time.
        recorded: finds recording rules to use in place of rates.
        objectives: of the SLOs by name; of others the gauge is asked.
        scores: the recorded series to take in place of each metric that is a score.
        not_counted: names of the alerts that do not count against a score.
        span: the text of the window where a variable stands for it.
    """

    where: tuple[Matcher, ...] = ()
    window: float = 300.0
    by: tuple[str, ...] = ()
    worst: str = "max"
    per_instance: bool = False
    prefix: str = ""
    offset: float = 0.0
    recorded: Recorded = field(default=NOTHING_RECORDED, compare=False)
    objectives: Mapping[str, float] = field(default_factory=dict, compare=False)
    scores: Mapping[str, str] = field(default_factory=dict, compare=False)
    not_counted: tuple[str, ...] = ()
    span: str = ""

    @property
    def ago(self) -> str:
        """What goes behind a selector to go back in time."""
        return f" offset {duration_text(self.offset)}" if self.offset else ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that an expression over all instances has."""
        own = ("job", "instance") if self.per_instance else ("job",)
        return (*own, *(label for label in self.by if label not in own))

    def name(self, metric: str) -> str:
        """Return what a metric is called in Prometheus."""
        return metric if metric.startswith(_COLLECTED) else self.prefix + metric

    def series(self, metric: str, *more: str) -> str:
        """Return a selector, its range left open."""
        return self._selector(self.name(metric), more)

    def rate(self, metric: str, *more: str) -> str:
        """Return the rate of a counter over the window, series by series."""
        recorded = None if self.span else self.recorded.rate(self.name(metric), self.window)
        if recorded is not None:
            return self._selector(recorded, more) + self.ago
        over = self.span or duration_text(self.window)
        return f"rate({self.series(metric, *more)}[{over}]{self.ago})"

    def gauge(self, metric: str, *more: str) -> str:
        """Return a gauge as it is."""
        return self.series(metric, *more) + self.ago

    def recording(self, name: str) -> str:
        """Return a recorded series as it is."""
        return self._selector(name, ()) + self.ago

    def total(self, vector: str, *more_labels: str, how: str = "sum") -> str:
        """Return a vector added up, or otherwise aggregated, to the labels that stay."""
        return f"{how} by ({', '.join((*self.labels, *more_labels))}) ({vector})"

    def sum_rate(self, metric: str, *more: str) -> str:
        """Return the rate of a counter, added up."""
        return self.total(self.rate(metric, *more))

    def slo_ratio(self, part: str, whole: str, slo: str) -> str:
        """Return an SLO's rate of one counter over that of another, nothing while there is none."""
        this = f"slo={quoted(slo)}"
        found = self.recorded.ratio(self.name(part), self.name(whole), self.window, slo)
        if found is not None:
            # Adding ratios up would mean nothing; there is one for each job or instance.
            return self.total(self._selector(found, (this,)) + self.ago, how="max")
        return f"{self.sum_rate(part, this)} / ({self.sum_rate(whole, this)} > 0)"

    def each_instance(self, build: Callable[[Selection], str]) -> str:
        """Return the worst instance of what `build` makes for each one."""
        if self.per_instance:
            return build(self)
        # What is recorded knows instances no more.
        apart = replace(self, per_instance=True, recorded=NOTHING_RECORDED)
        return self.total(build(apart), how=self.worst)

    def _selector(self, name: str, more: tuple[str, ...]) -> str:
        conditions = ",".join([*map(str, self.where), *more])
        return f"{name}{{{conditions}}}" if conditions else name


def sum_rate_of(metric: str) -> Callable[[Selection, object], str]:
    """Return the PromQL of a signal that is the rate of a counter."""
    return lambda selection, _: selection.sum_rate(metric)

"""Reports of runs, and their metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vitalspan import metrics as names
from vitalspan.jobs.outcome import OUTCOMES, Outcome


@dataclass(frozen=True)
class JobReport:
    """The report on a job, when a run starts and when it ends.

    Attributes:
        name: the name of the job.
        started: when the run started, in Unix seconds.
        every: seconds between two runs; None if it is not known.
        grace: seconds that the next success may be late.
        within: the maximum number of seconds of a run; None if it is not known.
        finished: when the run ended, in Unix seconds; None while it is running.
        outcome: the outcome; None while it is running.
        exit_status: the exit status of the process; None while it is running.
        duration: the duration in seconds; None while it is running.
        last_success: when a run last succeeded, in Unix seconds; None if this process does not
            know, which says nothing about earlier runs.
        metric_prefix: the prefix of the metric names.
    """

    name: str
    started: float
    every: float | None = None
    grace: float | None = None
    within: float | None = None
    finished: float | None = None
    outcome: Outcome | None = None
    exit_status: int | None = None
    duration: float | None = None
    last_success: float | None = None
    metric_prefix: str = ""

    @property
    def running(self) -> bool:
        """True while the run is running."""
        return self.finished is None

    def samples(self) -> Iterator[tuple[names.Family, Mapping[str, str], float]]:
        """Yield the family, the additional labels and the value of each known sample."""
        values = (
            (names.JOB_STARTED, self.started),
            (names.JOB_FINISHED, self.finished),
            (names.JOB_SUCCEEDED, self.last_success),
            (names.JOB_DURATION, self.duration),
            (names.JOB_EXIT_STATUS, self.exit_status),
            (names.JOB_INTERVAL, self.every),
            (names.JOB_GRACE, self.grace),
            (names.JOB_EXPECTED_DURATION, self.within),
        )
        for family, value in values:
            if value is not None:
                yield family, {}, float(value)
        if self.outcome is not None:
            for outcome in OUTCOMES:
                yield names.JOB_OUTCOME, {"outcome": outcome}, float(outcome == self.outcome)

    def registry(self) -> CollectorRegistry:
        """Return a registry with only the metrics of this report."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Families(list(self._families())))
        return registry

    def _families(self) -> Iterator[Metric]:
        made: dict[str, GaugeMetricFamily] = {}
        for family, labels, value in self.samples():
            name = self.metric_prefix + family.name
            if name not in made:
                made[name] = GaugeMetricFamily(name, family.help, labels=[names.JOB_NAME, *labels])
            made[name].add_metric([self.name, *labels.values()], value)
        yield from made.values()


class Families(Collector):
    """A collector of given metrics.

    Args:
        metrics: the metrics to collect.
    """

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        """Return the metrics."""
        return self._metrics

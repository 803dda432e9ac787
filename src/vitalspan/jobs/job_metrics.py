"""The metrics of a monitor's jobs, in its registry."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from prometheus_client import Gauge

from vitalspan import metrics as names
from vitalspan.jobs.job_report import JobReport
from vitalspan.jobs.outcome import OUTCOMES
from vitalspan.monitor_metrics import OnePerMonitor, register

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

_Mode = Literal["max", "min", "mostrecent"]

_MODES: Final[Mapping[names.Family, _Mode]] = {
    names.JOB_STARTED: "max",
    names.JOB_FINISHED: "max",
    names.JOB_SUCCEEDED: "max",
    names.JOB_DECLARED: "min",
}
"""How the metrics of several processes are merged; for other metrics the latest value wins."""


class JobMetrics:
    """The gauges of all jobs of one monitor, created with the first job.

    Args:
        monitor: the monitor with the registry.

    Raises:
        ConfigurationError: if the registry already has metrics with these names.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._gauges = {family: _gauge(monitor, family) for family in names.JOB_FAMILIES}
        self._gauges[names.JOB_OUTCOME] = _gauge(monitor, names.JOB_OUTCOME, "outcome")
        self._last_success: dict[str, float] = {}
        self._declared: set[str] = set()

    def declare(self, report: JobReport) -> None:
        """Show a job that is known but may never have run in this process."""
        if report.name in self._declared:
            return
        self._declared.add(report.name)
        self._set(names.JOB_DECLARED, {names.JOB_NAME: report.name}, report.started)
        for family, labels, value in report.samples():
            if family is not names.JOB_STARTED:
                self._set(family, {names.JOB_NAME: report.name, **labels}, value)

    def show(self, report: JobReport) -> None:
        """Show the values of a report; unknown ones are not changed."""
        if report.last_success is not None:
            self._last_success[report.name] = report.last_success
        for family, labels, value in report.samples():
            self._set(family, {names.JOB_NAME: report.name, **labels}, value)

    def last_success(self, job: str) -> float | None:
        """Return when a job last succeeded in this process, in Unix seconds."""
        return self._last_success.get(job)

    def forget(self, job: str) -> None:
        """Remove all series of a job."""
        self._last_success.pop(job, None)
        self._declared.discard(job)
        for family in names.JOB_FAMILIES:
            with suppress(KeyError):
                self._gauges[family].remove(job)
        for outcome in OUTCOMES:
            with suppress(KeyError):
                self._gauges[names.JOB_OUTCOME].remove(job, outcome)

    def _set(self, family: names.Family, labels: Mapping[str, str], value: float) -> None:
        self._gauges[family].labels(**labels).set(value)


def _gauge(monitor: Monitor, family: names.Family, *labels: str) -> Gauge:
    mode = _MODES.get(family, "mostrecent")
    return register(Gauge, monitor, family, [names.JOB_NAME, *labels], multiprocess_mode=mode)


job_metrics: Final = OnePerMonitor(JobMetrics)
"""Returns the metrics of a monitor's jobs."""

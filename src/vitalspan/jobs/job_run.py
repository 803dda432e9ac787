"""A run of a job, from its start to the reports of its end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context
from opentelemetry.trace import get_current_span

from vitalspan.jobs.environment import context_of_environment
from vitalspan.jobs.job_metrics import job_metrics
from vitalspan.jobs.job_report import JobReport
from vitalspan.jobs.outcome import FAILED, SUCCEEDED, TERMINATED, Ending, exit_status_of_signal
from vitalspan.jobs.sink import Sink, SinkThreads
from vitalspan.jobs.termination import Termination
from vitalspan.recording import spans
from vitalspan.recording.call_record import ERROR
from vitalspan.runtime.internal_errors import logger

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor
    from vitalspan.recording.call import Call

COMPONENT: Final = "jobs"

_FAILURES: Final = 4
"""The maximum number of sink failures that are logged per run."""


class JobRun:
    """A run of a job. Its methods never raise into the job.

    Args:
        monitor: the monitor that records it.
        job: a report with the common data of all runs of the job.
        sinks: the sinks to tell.
    """

    def __init__(self, monitor: Monitor, job: JobReport, sinks: Sequence[Sink]) -> None:
        self._monitor = monitor
        self._metrics = job_metrics(monitor)
        self._report = job
        self._sinks = SinkThreads(sinks, monitor.clock.now, self._note)
        self._noted = 0
        self._termination = Termination()
        self._operation: AbstractContextManager[Call] = monitor.operation(
            job.name, component=COMPONENT
        )
        self._token: Any = None
        self._call: Call | None = None
        self._began = 0.0

    def start(self) -> Call:
        """Start the run, and return its call, which takes measures and attributes."""
        clock = self._monitor.clock
        self._report = replace(self._report, started=clock.wall())
        self._termination.begin()
        self._attach_environment()
        self._call = self._operation.__enter__()
        self._began = clock.now()
        self._metrics.show(self._report)
        self._sinks.started(self._report)
        return self._call

    def finish(self, ending: Ending, error: BaseException | None = None) -> None:
        """End the run, tell the sinks and wait for them."""
        self.end(ending, error)
        try:
            self.report()
        finally:
            self.close()

    def end(self, ending: Ending, error: BaseException | None = None) -> None:
        """End the run.

        Args:
            ending: the outcome and exit status.
            error: the exception that was raised.
        """
        self._termination.defer()
        clock = self._monitor.clock
        duration = clock.now() - self._began
        signalled = self._termination.received
        if signalled is not None and ending.outcome != SUCCEEDED:
            ending = Ending(TERMINATED, exit_status_of_signal(signalled))
        if ending.outcome == SUCCEEDED and self._is_marked_as_failed():
            ending = Ending(FAILED, ending.exit_status)
        if ending.outcome == TERMINATED and self._termination.received and self._call is not None:
            self._call.fail("SIGTERM", error_type="SIGTERM")
        self._operation.__exit__(None if error is None else type(error), error, None)
        if self._token is not None:
            spans.detach(self._token)
        # The time of day may have been set back, and an ended run must not look unfinished.
        finished = max(clock.wall(), self._report.started)
        succeeded = ending.outcome == SUCCEEDED
        known = self._metrics.last_success(self._report.name)
        self._report = replace(
            self._report,
            finished=finished,
            outcome=ending.outcome,
            exit_status=ending.exit_status,
            duration=duration,
            last_success=finished if succeeded else known,
        )
        self._metrics.show(self._report)

    def report(self) -> None:
        """Tell the sinks how the run ended, and wait for them."""
        self._sinks.finished(self._report)

    def close(self) -> None:
        """Restore the previous effect of signals.

        Raises:
            Terminated: if a signal arrived while the sinks were told.
        """
        self._termination.end()

    def _attach_environment(self) -> None:
        """Make the run part of the trace in the environment, unless it is already part of one."""
        try:
            if not get_current_span().get_span_context().is_valid:
                self._token = context.attach(context_of_environment())
        except Exception:  # noqa: BLE001 - whatever a propagator makes of the variables
            logger.warning("the trace context of the environment could not be used", exc_info=True)

    def _is_marked_as_failed(self) -> bool:
        record = self._call._record if self._call is not None else []  # noqa: SLF001
        return len(record) > 3 and record[3].outcome == ERROR

    def _note(self, problem: str) -> None:
        self._monitor._recorder.internal_errors.counts["job"] += 1  # noqa: SLF001 - a part of it
        self._noted += 1
        if self._noted <= _FAILURES:
            logger.warning("job %s could not be reported: %s", self._report.name, problem)

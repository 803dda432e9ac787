"""The protocol of sinks, which are told about runs without affecting the job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, runtime_checkable

from vitalspan.jobs.job_report import JobReport
from vitalspan.labels import value_text
from vitalspan.runtime.worker_queue import WorkerQueue

_NEWS: Final = 2
"""The number of reports on a run: when it starts, and when it ends."""

PATIENCE: Final = 20.0
"""Seconds that the end of a run waits for all of its sinks."""


@runtime_checkable
class Sink(Protocol):
    """A sink that is told when a run starts and when it ends.

    Exceptions of its methods are logged, and do not affect the job. Each method is called in a
    thread of its own, `finished` after `started`.
    """

    @property
    def shown(self) -> str:
        """The name in messages, without secrets."""

    def started(self, report: JobReport) -> None:
        """Handle the start of a run."""

    def finished(self, report: JobReport) -> None:
        """Handle the end of a run."""

    def forget(self, report: JobReport) -> None:
        """Remove the data of a job that will not run any more."""


class SinkThreads:
    """Tells sinks about one run, in parallel.

    Args:
        sinks: the sinks.
        now: a steady clock in seconds.
        note: called with a description of each failure.
    """

    def __init__(
        self, sinks: Sequence[Sink], now: Callable[[], float], note: Callable[[str], None]
    ) -> None:
        self._now = now
        self._note = note
        self._queues = [
            (sink, WorkerQueue("vitalspan-job", _NEWS, partial(self._tell, sink), _nothing))
            for sink in sinks
        ]

    def started(self, report: JobReport) -> None:
        """Tell the sinks that a run has started, without waiting for them."""
        for _, queue in self._queues:
            queue.put(report)

    def finished(self, report: JobReport) -> None:
        """Tell the sinks that a run has ended, and wait for them up to a limit."""
        deadline = self._now() + PATIENCE
        for _, queue in self._queues:
            queue.put(report)
            queue.close()
        for sink, queue in self._queues:
            if not queue.join(deadline - self._now()):
                self._note(f"{sink.shown} takes too long, so its report may be lost")

    def _tell(self, sink: Sink, report: JobReport) -> None:
        try:
            (sink.started if report.running else sink.finished)(report)
        except Exception as error:  # noqa: BLE001 - a sink that is down must not fail a job
            self._note(f"{sink.shown}: {value_text(error) or type(error).__name__}")


def _nothing() -> None:
    """Do nothing, so that a thread that has told its sink everything holds no references."""

"""The protocol of sinks, and how all of them are told about a run without harm to the job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, runtime_checkable

from vitalspan.jobs.job_report import JobReport
from vitalspan.labels import value_text
from vitalspan.runtime.worker_queue import WorkerQueue

_NEWS: Final = 2
"""A run starts, and it ends."""

PATIENCE: Final = 20.0
"""Seconds that the end of a run waits for its sinks, all of them together."""


@runtime_checkable
class Sink(Protocol):
    """Something that is told when a run starts and when it ends.

    What its methods raise is logged, and the job does not notice. Each is called in a thread of its
    own, `finished` after `started`.
    """

    @property
    def shown(self) -> str:
        """The name in messages, without secrets."""
        ...

    def started(self, report: JobReport) -> None:
        """Take note of a run that has started."""
        ...

    def finished(self, report: JobReport) -> None:
        """Take note of a run that has ended."""
        ...

    def forget(self, report: JobReport) -> None:
        """Remove what is stored of a job that will not run any more."""
        ...


class SinkThreads:
    """Tells sinks about one run, side by side.

    Args:
        sinks: what is told.
        now: a steady clock in seconds.
        note: is called for each failure, with what went wrong.
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
        """Tell the sinks that a run has started, and do not wait for them."""
        for _, queue in self._queues:
            queue.put(report)

    def finished(self, report: JobReport) -> None:
        """Tell the sinks that a run has ended, and wait for them, but not for ever."""
        deadline = self._now() + PATIENCE
        for _, queue in self._queues:
            queue.put(report)
            queue.close()
        for sink, queue in self._queues:
            if not queue.join(deadline - self._now()):
                self._note(f"{sink.shown} takes too long and is not waited for")

    def _tell(self, sink: Sink, report: JobReport) -> None:
        try:
            (sink.started if report.running else sink.finished)(report)
        except Exception as error:  # noqa: BLE001 - a sink that is down must not fail a job
            self._note(f"{sink.shown}: {value_text(error) or type(error).__name__}")


def _nothing() -> None:
    """Do nothing: a thread that has told its sink everything leaves nothing behind."""

"""The processes of a service, as a monitor shows them: `monitor.workers`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vitalspan.errors import ConfigurationError
from vitalspan.history.history import LATE
from vitalspan.recording.call_record import CallRecord
from vitalspan.runtime import fork
from vitalspan.runtime.ticker import Ticker
from vitalspan.workers.directory import WorkersDirectory
from vitalspan.workers.directory_state import DirectoryState
from vitalspan.workers.merged_counts import MergedCounts
from vitalspan.workers.merged_registry import (
    MergedRegistry,
    SharedRegistry,
)
from vitalspan.workers.private_files import is_exposed
from vitalspan.workers.process_exit import ProcessExit
from vitalspan.workers.publisher import Publisher
from vitalspan.workers.recent_calls import calls_document, latest, read_calls
from vitalspan.workers.registry_publisher import RegistryPublisher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import CollectorRegistry

    from vitalspan.recording.counts import ProcessCounts

_TIDY_INTERVAL = 10.0
"""Seconds between two searches for processes that have died."""


class WorkerInfo(NamedTuple):
    """One process that publishes to the directory."""

    worker: int
    """A small number, which is reused when this process has ended."""
    pid: int
    started: float
    """The start of the process in seconds since the Unix epoch."""
    published: float
    """When its counts last changed, in seconds since the Unix epoch."""
    living: bool
    size: int
    """The size of its published state in bytes."""


def members_of(state: DirectoryState) -> list[WorkerInfo]:
    """Return the processes of a directory, ordered by their numbers."""
    members = [
        WorkerInfo(
            worker=one.header.worker,
            pid=one.header.pid,
            started=one.header.started,
            published=one.commit.published,
            living=one.living,
            size=one.commit.length,
        )
        for one in state.workers
    ]
    return sorted(members, key=lambda one: (one.worker, one.started))


class Workers:
    """Publishes the counts of this process, and reads what all processes have published.

    Args:
        path: the directory that the processes share.
        interval: seconds between two publications.
        counts: the counts of this process.
        recent: returns the recent calls of this process.
        slow: returns the slow calls of this process.
        registry: the registry with the other metrics of this process.

    Attributes:
        counts: the counts of all processes.
        publisher: publishes the counts of this process.
        directory: the files of the directory.
        registry: the other metrics of all processes.

    Raises:
        ConfigurationError: if the path is a file, or a directory of another user that anybody may
            write to.
    """

    def __init__(
        self,
        path: Path,
        interval: float,
        counts: ProcessCounts,
        recent: Callable[[], Iterable[CallRecord]],
        slow: Callable[[], Iterable[CallRecord]],
        *,
        registry: CollectorRegistry,
    ) -> None:
        if path.exists() and not path.is_dir():
            raise ConfigurationError(
                f"workers={str(path)!r}: this is not a directory: use "
                "one that exists or can be created"
            )
        if is_exposed(path):
            raise ConfigurationError(
                f"workers={str(path)!r}: this directory belongs to another user, and any user may "
                f"write to it; use a directory of your own, such as {str(path / 'vitalspan')!r}"
            )
        self._process = counts
        self._recorder = counts.recorder
        self.directory = WorkersDirectory(path, self.report, counts.epoch)
        self.publisher = Publisher(
            self.directory,
            counts,
            lambda: calls_document(recent(), slow()),
            self._recorder.clock.wall,
            self.note,
            registry=RegistryPublisher(registry, self._recorder.now, counts.note_collector_error),
        )
        self.registry = SharedRegistry(self._merged_registry)
        self.counts = MergedCounts(counts, self.publisher, self.directory)
        self._ticker = Ticker(self._tick, interval, "vitalspan-publish")
        self._tidied = float("-inf")
        self._exit = ProcessExit(self.publisher)
        self._wait_for_first_call()
        fork.reset_in_child(self)

    def start(self) -> None:
        """Publish every `publish_interval` seconds from now on."""
        # If no thread can be started, or the interpreter is exiting, counts are published at exit.
        with suppress(RuntimeError):
            self._ticker.start()
        self._exit.add_finalizers()

    def set_interval(self, seconds: float) -> None:
        """Set the number of seconds between two publications."""
        # If no thread can be started, counts are published by scrapes and at exit.
        with suppress(RuntimeError):
            self._ticker.set_interval(seconds)

    def close(self) -> None:
        """Publish once more, and stop publishing."""
        self._ticker.stop()
        self.publisher.publish()
        self._exit.close()

    def reset(self) -> None:
        """Start over in a forked child, which is a worker of its own."""
        self.publisher.reset()
        self.publisher.is_worker = True
        self.counts.reset()
        self._tidied = float("-inf")
        self._exit.watch_child()
        self._recorder.aggregator.first_flush = None
        self._recorder.series_table.flush_first = False
        self._ticker.reset()
        with suppress(RuntimeError):
            self._ticker.start()

    def members(self) -> list[WorkerInfo]:
        """Return the processes that publish, and those that have ended and are not archived yet."""
        return members_of(self.directory.read())

    def has_past(self) -> bool:
        """Whether there are counts from before the history began, whose times are unknown."""
        state = self.directory.read()
        limit = self._recorder.clock.wall() - LATE
        return state.archive is not None or any(
            not one.living or one.header.started < limit for one in state.workers
        )

    def recent_calls(self, size: int) -> list[CallRecord]:
        """Return the most recently ended calls of all processes, the latest one last."""
        return self._calls("recent", size)

    def slow_calls(self, size: int) -> list[CallRecord]:
        """Return the most recent slow calls of all processes, the latest one last."""
        return self._calls("slow", size)

    def _calls(self, kind: str, size: int) -> list[CallRecord]:
        self.publisher.publish()
        calls: list[CallRecord] = []
        for one in self.directory.read().workers:
            calls += read_calls(one.payload.calls, kind, one.header.worker)
        own = self.publisher.unpublished()
        if own is not None:
            calls += read_calls(own.calls, kind, 0)
        return latest(calls, size)

    def _merged_registry(self) -> MergedRegistry:
        self.publisher.publish()
        merged = self.directory.registry_of(self.directory.read())
        own = self.publisher.unpublished()
        if own is not None:
            merged.add(own.registry, 0, living=True)
        return merged

    def _wait_for_first_call(self) -> None:
        # A process that only imports the application gets no thread, so that it can fork safely.
        self._recorder.aggregator.first_flush = self.start
        self._recorder.series_table.flush_first = True

    def _tick(self) -> None:
        self.publisher.publish()
        now = self._recorder.now()
        if now - self._tidied >= _TIDY_INTERVAL:
            self._tidied = now
            self.directory.archive_dead(self._recorder.clock.wall())

    def report(self, path: Path, reason: str) -> None:
        """Count a file that cannot be read as an internal error."""
        self.note(f"{os.fspath(path)} could not be read and is left out: {reason}")

    def note(self, message: str) -> None:
        """Count an internal error, and log the first one."""
        self._recorder.internal_errors.note("workers", message, trace=False)

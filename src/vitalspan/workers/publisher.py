"""The publisher: writes the counts of this process to the shared directory, once a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from vitalspan.recording.counts import ProcessCounts
from vitalspan.recording.detail_counts import NO_DETAILS, DetailCounts
from vitalspan.recording.duration_histogram import DurationHistogram
from vitalspan.recording.series import Series
from vitalspan.recording.slo_counter import SloCounter
from vitalspan.runtime import fork
from vitalspan.runtime.locks import acquire
from vitalspan.workers.compact_json import dump
from vitalspan.workers.directory import WorkersDirectory
from vitalspan.workers.encoded_series import EncodedSeries, encode_columns, encode_series
from vitalspan.workers.payload import Payload, encode, head_of
from vitalspan.workers.registry_publisher import RegistryPublisher
from vitalspan.workers.series_columns import InProgress
from vitalspan.workers.series_keys import encode_key, encode_keys
from vitalspan.workers.state_file import StateFile
from vitalspan.workers.worker_counts import PROFILES, SeriesCounts, WorkerCounts

_PATIENCE: Final = 1.0
"""Seconds that a publication waits for another one, which a signal handler may interrupt."""


class _Published:
    """A series as it was published last, and the objects that it was made of."""

    __slots__ = ("details", "encoded", "histogram", "key", "split")

    def __init__(self, series: Series) -> None:
        self.key = encode_key(series.component, series.operation, series.labels)
        self.encoded: EncodedSeries | None = None
        self.histogram: DurationHistogram | None = None
        self.details: DetailCounts = NO_DETAILS
        self.split = False


class Publisher:
    """Publishes the counts of this process.

    A process has a file once it has recorded something, or once `is_worker` says that it serves: a
    supervisor that has only imported the application is not a worker.

    Args:
        directory: the directory for its file.
        counts: the counts of this process.
        calls: returns the recent and slow calls as a document for JSON.
        wall: returns the time of day, in seconds since the Unix epoch.
        fault: called with a description of what went wrong.
        registry: the other metrics of the process.

    Attributes:
        is_worker: whether the process publishes even if nothing is recorded.
        slo_counters: the counters of the SLOs, by name.
        latest: the latest state, published or not; None if nothing has been recorded.
        afterwards: called after the current publication, and after each later one.
    """

    def __init__(
        self,
        directory: WorkersDirectory,
        counts: ProcessCounts,
        calls: Callable[[], Mapping[str, Any]],
        wall: Callable[[], float],
        fault: Callable[[str], None],
        *,
        registry: RegistryPublisher,
    ) -> None:
        self._directory = directory
        self._counts = counts
        self._calls = calls
        self._wall = wall
        self._fault = fault
        self._registry = registry
        self.is_worker = False
        self.slo_counters: Mapping[str, SloCounter] = {}
        self._file: StateFile | None = None
        self._begin()

    def reset(self) -> None:
        """Start over in a forked child: the file belongs to its parent."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._registry.reset()
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0
        self.afterwards: Callable[[], None] | None = None
        self._series: dict[Series, _Published] = {}
        self._keys: tuple[list[bytes], bytes] = ([], b"")
        self._grids: dict[tuple[float, ...], int] = {}
        self._published = b""
        self._counted = 0.0
        self.latest: bytes | None = None
        self._encoded_calls = (-1, b"")
        self._failed = False

    @property
    def worker(self) -> int | None:
        """The number of this process among the living ones; None before it has published."""
        return None if self._file is None else self._file.header.worker

    @property
    def id(self) -> str | None:
        """The id of this process; None before it has published."""
        return None if self._file is None else self._file.header.id

    @property
    def is_interrupted(self) -> bool:
        """Whether this thread is publishing, so that a signal handler has interrupted it."""
        return self._thread == threading.get_ident()

    def publish(self, *, fresh: bool = True) -> bool:
        """Publish the current counts; return whether that was possible.

        It never raises: data that cannot be written now is published the next time.

        Args:
            fresh: whether to read the registry's metrics again; False in a signal handler.
        """
        lock = self._lock
        if self.is_interrupted or not acquire(lock, _PATIENCE):
            return False
        try:
            self._thread = threading.get_ident()
            self._publish(fresh=fresh)
        except BlockingIOError:
            # Other processes are starting or ending at this moment.
            return False
        except OSError as error:
            if not self._failed:
                where = self._directory.path
                self._fault(f"publishing to {where} failed: {error.strerror or error}")
            self._failed = True
        except Exception as error:  # noqa: BLE001 - the application must go on
            self._fault(f"publishing failed: {error!r:.200}")
            self._failed = True
        else:
            self._failed = False
        finally:
            self._thread = 0
            lock.release()
        if self.afterwards is not None:
            self.afterwards()
        return not self._failed

    def unpublished(self) -> Payload | None:
        """Return the state of this process if the directory cannot be written to."""
        if self.latest is None or self._file is not None:
            return None
        return Payload(self.latest, {})

    def _publish(self, *, fresh: bool) -> None:
        payload = self.latest = self._payload(fresh=fresh)
        if self._file is not None and self._file.is_lost:
            self._file.close()
            self._file = None
            self._published = b""
        if payload is None or payload == self._published:
            return
        now = self._wall()
        if self._file is None:
            # A child that is forked in the meantime would keep the file locked without knowing it.
            with fork.imports_finish_first:
                self._file = self._directory.begin(now)
        self._file.write(payload, now, self._counted)
        self._published = payload

    def _payload(self, *, fresh: bool) -> bytes | None:
        begun = self._counts.now()
        with self._counts.flushed() as flushed:
            if flushed is not None:
                # All calls that had ended by then are counted now.
                self._counted = begun
            every = self._counts.recorder.series_table.all() if flushed is None else flushed
            series = [one for each in every if (one := self._encoded(each))]
        # Processes with the same series in the same order are summed faster.
        series.sort(key=lambda one: one[0].key)
        counts = WorkerCounts()
        for cache in self._counts.caches():
            counts.caches[cache[:2]] = list(cache[2:])
        for api in self._counts.apis():
            counts.apis[api[:2]] = list(api[2:])
        for model in self._counts.models():
            counts.models[model[:3]] = model.amounts
        counts.registry = self._registry.rows(fresh=fresh)
        recorded = (
            series
            or _any_count(counts.caches)
            or _any_count(counts.apis)
            or self._registry.has_counts()
        )
        if not recorded and not self.is_worker and self._file is None:
            return None
        for name, counter in self.slo_counters.items():
            for labels, part in counter.series():
                key = (name, counter.definition, tuple(labels.items()))
                counts.slos[key] = [part.events, part.bad]
        internal = self._counts.internal()
        counts.internal_errors = dict(internal.internal_errors)
        counts.collector_errors = dict(internal.collector_errors)
        counts.totals = {
            "overflows": internal.overflows,
            "flushes": internal.flushes,
            "flush_seconds": internal.flush_seconds,
            **{PROFILES + result: calls for result, calls in internal.profiles.items()},
        }
        head = {**head_of(counts), "grids": list(self._grids)}
        return encode(head, self._columns(series), self._calls_section(internal.flushes))

    def _columns(self, series: list[tuple[EncodedSeries, int, float]]) -> bytes:
        encoded = [one for one, _, _ in series]
        keys = [one.key for one in encoded]
        if keys != self._keys[0]:
            self._keys = (keys, encode_keys(keys))
        in_progress = [
            InProgress(slot, calls, oldest)
            for slot, (_, calls, oldest) in enumerate(series)
            if calls
        ]
        return encode_columns(encoded, in_progress, self._keys[1])

    def _calls_section(self, flushes: int) -> bytes:
        if self._encoded_calls[0] != flushes:
            self._encoded_calls = (flushes, dump(self._calls()))
        return self._encoded_calls[1]

    def _encoded(self, series: Series) -> tuple[EncodedSeries, int, float] | None:
        """Return a series, its number of calls in progress, and when the oldest of them began."""
        calls, oldest = self._counts.in_progress(series)
        histogram = series.histogram
        published = self._series.get(series)
        if published is None:
            if not (histogram.count or calls or series.split):
                return None
            published = self._series[series] = _Published(series)
        if published.encoded is None or not (
            published.histogram is histogram
            and published.details is series.details
            and published.split == series.split
        ):
            published.histogram, published.details = histogram, series.details
            published.split = series.split
            published.encoded = self._encode(published.key, series)
        return published.encoded, calls, oldest or 0.0

    def _encode(self, key: bytes, series: Series) -> EncodedSeries:
        histogram = series.histogram
        counts = SeriesCounts(histogram.grid.boundaries)
        counts.first, counts.fine = histogram.listed()
        counts.total = histogram.total
        counts.spread = histogram.spread
        counts.created = series.created or 0.0
        counts.split = series.split
        counts.details = series.details
        grid = self._grids.setdefault(counts.boundaries, len(self._grids))
        return encode_series(key, counts, grid, self._counts.epoch())


def _any_count(sums: Mapping[tuple[str, str], list[float]]) -> bool:
    return any(any(values) for values in sums.values())

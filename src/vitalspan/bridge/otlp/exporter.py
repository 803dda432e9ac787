"""The exporter: reads metrics at an interval and pushes them to an OTLP receiver."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from vitalspan import metrics as names
from vitalspan.bridge.otlp.export_requests import Request, requests_of
from vitalspan.bridge.otlp.registry_source import Source
from vitalspan.bridge.otlp.send_queue import SendQueue
from vitalspan.bridge.otlp.sender import Sender
from vitalspan.bridge.otlp.series_tracker import SeriesTracker
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.bridge.otlp.transport import Transport
from vitalspan.clock import Clock
from vitalspan.exposition.families import MetricFamily, ScalarFamily
from vitalspan.runtime import fork, sigterm
from vitalspan.runtime.internal_errors import logger
from vitalspan.runtime.process_end import ProcessEnd

MAX_REQUEST: Final = 4_000_000
"""The maximum size of a request in bytes before compression, just under gRPC's default limit."""

MAX_WAITING: Final = 8 * 2**20
"""The maximum size in bytes of all waiting requests."""

_GRACE: Final = 0.1
"""Seconds that closing waits beyond a request's timeout, and after aborting it."""

_HURRY: Final = 1.0
"""Seconds between two pushes once the process is about to end."""

_COMPRESSION: Final = 1
"""The fastest level, which already has most of the effect on metrics."""


class OtlpExporter:
    """Exports metrics in a daemon thread, and one last time when it is closed or the program ends.

    Args:
        sources: the sources to export, each in requests of its own.
        transport: sends requests.
        settings: the settings of the export.
        clock: provides steady time for the interval, and the time of points.
        max_request: the maximum size of a request in bytes, before compression.
        max_waiting: the maximum size in bytes of all waiting requests.
        release: called at the end, and in a forked child.

    Attributes:
        left_out: the metrics and points of the last reading that OpenTelemetry cannot represent.
        exports: the number of readings.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        transport: Transport,
        settings: OtlpSettings,
        clock: Clock,
        *,
        max_request: int = MAX_REQUEST,
        max_waiting: int = MAX_WAITING,
        release: Callable[[], None] | None = None,
    ) -> None:
        self._sources = [(source, SeriesTracker()) for source in sources]
        self._transport = transport
        self._settings = settings
        self._clock = clock
        self._release = release
        self._queue = SendQueue(max_waiting)
        self.sender = Sender(
            transport,
            self._queue,
            where=settings.target.shown,
            timeout=settings.timeout,
            limit=max_request,
            now=clock.now,
        )
        self.closed = False
        self._process_end: ProcessEnd | None = None
        self._begin()
        fork.reset_in_child(self)

    @property
    def waiting_bytes(self) -> int:
        """The size of the waiting requests in bytes."""
        return self._queue.size

    @property
    def running(self) -> bool:
        """True if the thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def families(self) -> Iterator[MetricFamily]:
        """Yield the families about requests, data points and the queue."""
        yield ScalarFamily.by_label(names.OTLP_POINTS, "result", self.sender.points)
        yield ScalarFamily.by_label(names.OTLP_REQUESTS, "result", self.sender.requests)
        yield ScalarFamily.single(names.OTLP_WAITING, self.waiting_bytes)

    def start(self) -> None:
        """Start the thread, unless it is running or the exporter is closed."""
        with self._starting:
            if self.running or self.closed:
                return
            if self._process_end is None:
                self._process_end = ProcessEnd(self.close)
                self._process_end.add_finalizers()
            sigterm.watch(self)
            self._start()

    def export(self) -> None:
        """Read every source now, and add its metrics to the waiting requests."""
        time = round(self._clock.wall() * 1e9)
        self.left_out = 0
        for source, tracker in self._sources:
            try:
                reading = source.read(time)
                if reading is None:
                    # Series that another process exports now must not be marked as vanished.
                    tracker.reset()
                    continue
                batch = tracker.follow(reading.batch, time)
                for request in requests_of(batch, reading.resource, self.sender.limit):
                    self.sender.put(self._compressed(request))
            except Exception:  # noqa: BLE001 - the next reading may succeed, and so may others
                self._report()
            else:
                self.left_out += reading.left_out
        self.exports += 1

    def send(self) -> None:
        """Send the waiting requests, unless the exporter is backing off after a failure."""
        self.sender.send_waiting(self._clock.now() + self._settings.export_timeout)

    def close(self) -> None:
        """Export one last time and end the thread, if it was started.

        Requests that cannot be sent within the timeout of a request are dropped.
        """
        with self._starting:
            is_first, self.closed = not self.closed, True
        if not is_first:
            # A second caller must not end the process while the first one is still closing.
            self._ended.wait(self._budget + _GRACE)
            return
        try:
            if self._process_end is not None:
                self._process_end.close()
                self._end_thread()
        finally:
            sigterm.forget(self)
            self._ended.set()

    def finish(self, *, ending: bool) -> None:
        """Export one last time, because the process ends; see `vitalspan.runtime.sigterm`."""
        if ending:
            self.close()
        elif self.running and not self.closed:
            self._pushed.clear()
            self._hurried = True
            self._wake.set()
            self._pushed.wait(self._budget)

    @property
    def _budget(self) -> float:
        """The maximum number of seconds of the last export."""
        return min(self._settings.timeout, self._settings.export_timeout)

    def _end_thread(self) -> None:
        self._deadline = self._clock.now() + self._budget
        self._stopped = True
        self._wake.set()
        thread = self._thread
        if thread is None or not thread.is_alive():
            self._export_last()
        elif thread is not threading.current_thread():
            # In the thread, because collectors may take as long as they like.
            thread.join(self._budget + _GRACE)
            if thread.is_alive():
                self._transport.abort()
                thread.join(_GRACE)

    def _export_last(self) -> None:
        try:
            if self._process == os.getpid():
                self.export()
                self.sender.send_last(self._deadline)
        finally:
            self._end()

    def reset(self) -> None:
        """Start over in a forked child: the queue and the known series belong to its parent."""
        if self._process == os.getpid():
            return
        self._end()
        self._begin()
        if self._process_end is not None and not self.closed:
            self._process_end.watch_child()
            self._start()

    def _end(self) -> None:
        if self._release is not None:
            self._release()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._starting = threading.Lock()
        self._wake = threading.Event()
        self._pushed = threading.Event()
        self._ended = threading.Event()
        self._stopped = self._hurried = False
        self._deadline = 0.0
        self._thread: threading.Thread | None = None
        self._queue.clear()
        self.sender.reset()
        for _, tracker in self._sources:
            tracker.reset()
        self.exports = 0
        self.left_out = 0
        self._failing = False

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="vitalspan-otlp", daemon=True)
        try:
            thread.start()
        except RuntimeError as refused:
            logger.warning(
                "metrics are not exported, because no thread could be started: %s", refused
            )
            return
        self._thread = thread

    def _run(self) -> None:
        now, interval = self._clock.now, self._settings.interval
        due = now() + interval
        while not self._stopped:
            hurried = self._hurried and not self._pushed.is_set()
            if hurried:
                interval = min(interval, _HURRY)
                due = now()
            pause = due - now()
            if self._queue.first() is not None:
                pause = min(pause, self.sender.not_before - now())
            if pause > 0 and self._wake.wait(pause):
                self._wake.clear()
                continue
            if now() >= due:
                self.export()
                due = next_time(due, interval, now())
            self.send()
            if hurried:
                self._pushed.set()
        self._export_last()

    def _compressed(self, request: Request) -> Request:
        if not self._settings.gzip:
            return request
        body = gzip.compress(request.body, _COMPRESSION, mtime=0)
        return request._replace(body=body)

    def _report(self) -> None:
        if not self._failing:
            self._failing = True
            logger.warning("metrics could not be read for export (logged once)", exc_info=True)


def next_time(due: float, interval: float, now: float) -> float:
    """Return the next time in the future that is a multiple of the interval after `due`."""
    missed = max(0, int((now - due) // interval))
    return due + (missed + 1) * interval


def make_transport(settings: OtlpSettings, clock: Clock) -> Transport:
    """Return the transport of some settings.

    Raises:
        MissingExtraError: for gRPC without its library.
    """
    now: Callable[[], float] = clock.now
    if settings.grpc:
        from vitalspan.bridge.otlp.grpc_transport import GrpcTransport  # noqa: PLC0415

        return GrpcTransport(settings.target, gzip=settings.gzip, now=now)
    from vitalspan.bridge.otlp.http_transport import HttpTransport  # noqa: PLC0415

    return HttpTransport(settings.target, gzip=settings.gzip, now=now, wall=clock.wall)

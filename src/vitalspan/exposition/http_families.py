"""Metric families of HTTP requests, made of the series of their operations."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from vitalspan import metrics as names
from vitalspan.exposition.families import HistogramFamily
from vitalspan.exposition.native_histogram import NativeHistogram
from vitalspan.exposition.points import Exemplar
from vitalspan.labels import Labels, label_text
from vitalspan.metrics import ERROR_TYPE, OTHER
from vitalspan.recording.buckets import grid_of
from vitalspan.recording.detail_counts import FIRST_BYTE_GRID
from vitalspan.recording.detail_counts import Exemplar as KeptExemplar
from vitalspan.recording.duration_histogram import DurationHistogram
from vitalspan.recording.series import Series

Native = Callable[[DurationHistogram], NativeHistogram | None]

_LABELS: Final = {
    "method": "http_request_method",
    "route": "http_route",
    "host": "server_address",
    "status": "http_response_status_code",
    "scheme": "url_scheme",
}
"""OpenTelemetry's names of our labels, in Prometheus' spelling."""

_ERRORS_FROM: Final = {"server": 500, "client": 400}


def exemplar_of(kept: KeptExemplar, epoch: float) -> Exemplar:
    """Return an exemplar for exposition.

    Args:
        kept: the exemplar as a series keeps it.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    span, seconds, end = kept
    labels = {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
    return Exemplar(labels, seconds, round(end + epoch, 3))


class _FirstBytes:
    """The times until responses to the requests of a series began.

    Args:
        series: a series that has such times.
    """

    def __init__(self, series: Series) -> None:
        self.series = series
        self.text = series.text
        self.all_labels = series.all_labels
        self.histogram = series.details.first_bytes or DurationHistogram(FIRST_BYTE_GRID)


def first_bytes(series_list: Iterable[Series], native: Native, *, classic: bool) -> HistogramFamily:
    """Return the family of the times until responses began.

    Args:
        series_list: all series; those without such times are skipped.
        native: returns the native histogram of a histogram.
        classic: whether to show the classic buckets next to it.
    """
    points = [
        _FirstBytes(series) for series in series_list if series.details.first_bytes is not None
    ]
    return HistogramFamily(
        names.OPERATION_FIRST_BYTE,
        points,
        lambda _: {},
        native=native,
        classic=classic,
        created=[point.series.created for point in points],
    )


class _RequestDuration:
    """The request durations of a series, with OpenTelemetry's names and buckets.

    Args:
        series: a series that has the label `scheme`.

    Attributes:
        side: `server` or `client`.
        text: the labels as the text formats write them.
    """

    __slots__ = ("_labels", "_seen", "_shown", "series", "side", "text")

    def __init__(self, series: Series) -> None:
        labels = dict(series.labels)
        self.series = weakref.proxy(series)
        self.side = "client" if "host" in labels else "server"
        self._labels = _opentelemetry_labels(labels, self.side)
        self.text = label_text(self._labels)
        self._seen: DurationHistogram | None = None
        self._shown = DurationHistogram(grid_of(names.HTTP_REQUEST_BOUNDARIES))

    def all_labels(self) -> dict[str, str]:
        """Return the labels by name."""
        return dict(self._labels)

    @property
    def histogram(self) -> DurationHistogram:
        """The durations of the series, in the buckets that OpenTelemetry recommends.

        Boundaries that are not boundaries of the series are left out.
        """
        counted: DurationHistogram = self.series.histogram
        if counted is not self._seen:
            known = set(counted.grid.boundaries)
            shown = tuple(bound for bound in names.HTTP_REQUEST_BOUNDARIES if bound in known)
            self._shown = counted.rebucketed(grid_of(shown))
            self._seen = counted
        return self._shown

    def exemplars(self, epoch: float) -> Mapping[int, Exemplar]:
        """Return the latest exemplar of each bucket.

        Args:
            epoch: the difference between the time of day and the steady clock in seconds.
        """
        kept = sorted(self.series.details.exemplars.values(), key=lambda one: one[2])
        grid = self.histogram.grid
        return {grid.exported_bucket(one[1]): exemplar_of(one, epoch) for one in kept}


class RequestDurations:
    """OpenTelemetry's metrics of HTTP requests, for the series that were created for them."""

    def __init__(self) -> None:
        self._points: weakref.WeakKeyDictionary[Series, _RequestDuration | None]
        self._points = weakref.WeakKeyDictionary()

    def families(
        self, series_list: Iterable[Series], epoch: float, native: Native, *, classic: bool
    ) -> Iterator[HistogramFamily]:
        """Yield a family for servers and one for clients.

        Args:
            series_list: all series.
            epoch: the difference between the time of day and the steady clock in seconds.
            native: returns the native histogram of a histogram.
            classic: whether to show the classic buckets next to it.
        """
        # Most series have too few labels, which is quick to check.
        known = (self._point(series) for series in series_list if len(series.labels) > 1)
        points = [point for point in known if point is not None]
        for side, metadata in names.HTTP_REQUEST_DURATIONS.items():
            of_side = [point for point in points if point.side == side]
            yield HistogramFamily(
                metadata,
                of_side,
                lambda point: point.exemplars(epoch),
                native=native,
                classic=classic,
                created=[point.series.created for point in of_side],
            )

    def _point(self, series: Series) -> _RequestDuration | None:
        try:
            return self._points[series]
        except KeyError:
            labels = dict(series.labels)
            method = series.operation.partition(" ")[0]
            wanted = "scheme" in labels and labels.get("method") == method
            point = self._points[series] = _RequestDuration(series) if wanted else None
            return point


def _opentelemetry_labels(labels: Mapping[str, str], side: str) -> Labels:
    status = labels.get("status", "")
    renamed = {_LABELS.get(name, name): value for name, value in labels.items()}
    host, _, port = labels.get("host", "").rpartition(":")
    if host and port.isdecimal():
        renamed |= {"server_address": host, "server_port": port}
    if status.isdecimal() and int(status) >= _ERRORS_FROM[side]:
        renamed[ERROR_TYPE] = status
    elif side == "client" and not status:
        renamed[ERROR_TYPE] = OTHER
    return tuple(sorted(renamed.items()))

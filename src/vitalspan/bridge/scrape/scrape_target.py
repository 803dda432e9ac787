"""Targets whose `/metrics` are scraped and exported, for processes that cannot be changed."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from vitalspan.bridge.otlp.batch_builder import BatchBuilder
from vitalspan.bridge.otlp.from_samples import Metric, add_metric
from vitalspan.bridge.otlp.model import OWN_SCOPE, Description, Kind, NumberPoint
from vitalspan.bridge.otlp.registry_source import Reading
from vitalspan.bridge.scrape.protobuf_parser import CONTENT_TYPE as PROTOBUF
from vitalspan.bridge.scrape.protobuf_parser import parse_families
from vitalspan.bridge.scrape.text_parser import parse_metrics
from vitalspan.errors import VitalspanError
from vitalspan.http_client.client import HttpClient, HttpResponse
from vitalspan.http_client.connection import HttpError
from vitalspan.http_client.target import HttpTarget

ACCEPT_TEXT: Final = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.8,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)

ACCEPT_PROTOBUF: Final = (
    f"{PROTOBUF};proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8,"
    f"{ACCEPT_TEXT}"
)
"""Prefers protobuf, the only format with native histograms, and falls back to text."""

MAX_SCRAPE: Final = 64 * 2**20
"""The maximum size of an exposition in bytes, compressed or not."""

_UP: Final = Description("up", "Whether the target could be scraped.", "", "gauge", Kind.GAUGE)


class ScrapeError(VitalspanError):
    """A target could not be scraped; the message says why, without secrets."""


class ScrapeTarget:
    """The metrics of one target, as a source for the exporter.

    Each reading has the series `up`, which is 1 if the target could be scraped and 0 if not. If it
    could not, the exporter marks its series as stale.

    Args:
        url: the URL of the exposition.
        service: the name of the service; without one, it comes from `target_info` or is
            `unknown_service`, because the target's `OTEL_SERVICE_NAME` is not known.
        timeout: the maximum number of seconds of a scrape.
        accept: the accepted formats.

    Raises:
        ConfigurationError: for an invalid URL.

    Attributes:
        error: why the last scrape failed; None if it did not.
    """

    def __init__(
        self,
        url: str,
        *,
        service: str | None,
        timeout: float,
        accept: str = ACCEPT_TEXT,
    ) -> None:
        self._target = HttpTarget("scrape", url, timeout=timeout)
        self._service = service
        self._metrics: list[Metric] = []
        self._accept = accept
        self.error: str | None = "it has not been scraped yet"

    @property
    def shown(self) -> str:
        """The URL without secrets."""
        return self._target.shown

    @property
    def metrics(self) -> Sequence[Metric]:
        """The metrics of the last scrape; empty if it failed."""
        return self._metrics

    def scrape(self) -> None:
        """Scrape the target; `error` is set if that fails."""
        try:
            self._metrics, self.error = list(self._scraped()), None
        except ScrapeError as failed:
            self._metrics, self.error = [], str(failed)

    def read(self, time: int) -> Reading:
        """Return the result of the last scrape; see `Source`."""
        builder = batch_of(self._metrics, time)
        up = float(self.error is None)
        builder.points(OWN_SCOPE, _UP).append(NumberPoint((), 0, time, up))
        return Reading(builder.batch(), self._resource(builder.resource), builder.left_out)

    def _resource(self, target_info: Mapping[str, str]) -> dict[str, str | int]:
        target = self._target
        own = {} if self._service is None else {"service.name": self._service}
        return {
            "service.name": "unknown_service",
            "service.instance.id": f"{target.host}:{target.port}",
            "server.address": target.host,
            "server.port": target.port,
            "url.scheme": target.scheme,
            **target_info,
            **own,
        }

    def _scraped(self) -> Iterable[Metric]:
        answer = get(self._target, self._accept)
        if answer.status != 200:
            raise ScrapeError(f"answered {answer.status}")
        return metrics_of(answer)


def get(target: HttpTarget, accept: str) -> HttpResponse:
    """Return the response of a target to a GET, whatever its status.

    Args:
        target: the target.
        accept: the accepted content types.

    Raises:
        ScrapeError: if there is no response.
    """
    headers = {"Accept": accept, "Accept-Encoding": "gzip"}
    deadline = time.monotonic() + target.timeout
    try:
        return HttpClient(target, MAX_SCRAPE).request(
            "GET", target.selector, b"", headers, lambda: deadline - time.monotonic()
        )
    except HttpError as error:
        raise ScrapeError(str(error)) from None


def text_of(answer: HttpResponse) -> str:
    """Return the text of a response.

    Raises:
        ValueError: if its compression is invalid, or if it is too large or not UTF-8.
    """
    return _decoded(answer).decode("utf-8")


def metrics_of(answer: HttpResponse) -> list[Metric]:
    """Return the metrics in a response.

    Raises:
        ScrapeError: if it is not an exposition.
    """
    try:
        content_type = answer.headers.get("content-type", "text/plain")
        if content_type.partition(";")[0].strip().lower() == PROTOBUF:
            return list(parse_families(_decoded(answer)))
        return list(parse_metrics(text_of(answer), content_type))
    except (ValueError, KeyError, IndexError) as mistake:
        raise ScrapeError(
            f"the response does not contain metrics of Prometheus: {mistake}"
        ) from None


def batch_of(metrics: Iterable[Metric], time: int) -> BatchBuilder:
    """Return the batch of some metrics; those that cannot be translated are counted as left out."""
    builder = BatchBuilder(time)
    for metric in metrics:
        try:
            add_metric(metric, builder)
        except (TypeError, ValueError, ArithmeticError, StopIteration, RuntimeError):
            builder.left_out += 1
    return builder


def _decoded(answer: HttpResponse) -> bytes:
    body, encoding = answer.body, answer.headers.get("content-encoding", "")
    if encoding.strip().lower() in ("gzip", "x-gzip"):
        try:
            unpacker = zlib.decompressobj(wbits=31)
            body = unpacker.decompress(body, MAX_SCRAPE + 1)
        except zlib.error as broken:
            raise ValueError(
                f"it is not compressed with gzip, as its headers say ({broken})"
            ) from None
        if len(body) <= MAX_SCRAPE and not unpacker.eof:
            raise ValueError("its compressed data ends too early")
    if len(body) > MAX_SCRAPE:
        raise ValueError(f"it is larger than {MAX_SCRAPE} bytes")
    return body

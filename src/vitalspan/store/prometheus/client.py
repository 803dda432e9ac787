"""A client of Prometheus' HTTP API for histories, which collects the warnings of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from vitalspan.http_client.prometheus_api import (
    PrometheusHttp,
    RefusedError,
    ServerError,
    SlowError,
    TooLargeError,
    UnreachableError,
)
from vitalspan.http_client.target import HttpTarget
from vitalspan.runtime.internal_errors import logger
from vitalspan.store.errors import StoreError

MAX_POINTS: Final = 11_000
"""The maximum number of points per series that a Prometheus returns."""

_MOST_SAMPLES: Final = 200_000
"""The number of samples that one response should have; long ranges are queried in parts."""

_MOST_BYTES: Final = 64 * 2**20
_MOST_WARNINGS: Final = 20
_PAUSE: Final = 30.0
"""Seconds in which a server that did not respond is not asked again."""

_ACCESS_HINT: Final = (
    "the URL, as in prometheus+https://user:password@host, or a token into VITALSPAN_HISTORY_TOKEN"
)


class RangeSeries(NamedTuple):
    """A series in the result of a range query.

    Attributes:
        labels: the labels of the series.
        points: times in seconds since the Unix epoch, and values.
        histograms: times, and native histograms as in the API.
    """

    labels: dict[str, str]
    points: list[tuple[float, float]]
    histograms: list[tuple[float, Any]]


class PrometheusClient:
    """A client of a Prometheus, Thanos or Mimir.

    Args:
        target: the target of requests.
        clock: returns the time on a steady clock in seconds.

    Attributes:
        warnings: the latest twenty distinct warnings from servers.
    """

    def __init__(self, target: HttpTarget, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = PrometheusHttp(target, _MOST_BYTES, _ACCESS_HINT)
        self._clock = clock
        self._silent: tuple[float, str] = (float("-inf"), "")
        self.shown = target.shown
        self.warnings: list[str] = []

    def instant(self, promql: str, at: float) -> list[RangeSeries]:
        """Return the result of a query at a time, in seconds since the Unix epoch.

        Raises:
            StoreError: if the server does not respond, or refuses the query.
        """
        data = self._ask("query", {"query": promql, "time": f"{at:.3f}"})
        return [_series(one) for one in self._result(data, "vector")]

    def range(
        self, promql: str, start: float, end: float, step: float, *, series: int = 1
    ) -> Iterator[list[RangeSeries]]:
        """Yield the result of a query over time, in parts that the server can return.

        Args:
            promql: the query.
            start: the first time, in seconds since the Unix epoch.
            end: the last time, inclusive.
            step: the seconds between two points.
            series: the number of series that the result probably has.

        Raises:
            StoreError: if the server does not respond, or refuses the query.
        """
        points = min(MAX_POINTS, max(1, _MOST_SAMPLES // max(1, series)))
        last = int((end - start) / step + 1e-6)
        for first in range(0, last + 1, points):
            span = start + first * step, start + min(first + points - 1, last) * step
            form = {"query": promql, "step": f"{step:g}"}
            form |= {"start": f"{span[0]:.3f}", "end": f"{span[1]:.3f}"}
            yield [_series(one) for one in self._result(self._ask("query_range", form), "matrix")]

    def names(self, selector: str, start: float, end: float) -> list[str]:
        """Return the names of metrics that had series in a period.

        Raises:
            StoreError: if the server does not respond, or refuses the request.
        """
        form = {"match[]": selector, "start": f"{start:.3f}", "end": f"{end:.3f}"}
        data = self._ask(f"label/{quote('__name__')}/values", form, post=False)
        return [str(one) for one in data or ()]

    def _result(self, data: Any, kind: str) -> list[Any]:
        try:
            if data["resultType"] == kind:
                return list(data["result"])
        except (KeyError, TypeError):
            pass
        raise StoreError(str(self._http.unexpected()))

    def _ask(self, endpoint: str, form: dict[str, str], *, post: bool = True) -> Any:
        """Return the data of a response."""
        until, reason = self._silent
        if self._clock() < until:
            raise StoreError(reason)
        try:
            document = self._http.ask(endpoint, form, post=post)
        except (SlowError, UnreachableError) as error:
            text = f"{self.shown}: {error}" if isinstance(error, SlowError) else str(error)
            self._silent = self._clock() + _PAUSE, text
            raise StoreError(text) from None
        except TooLargeError as error:
            raise StoreError(
                f"{self.shown}: {error}: ask about a shorter period, or name labels in the URL, "
                "as in ?job=shop"
            ) from None
        except RefusedError as error:
            raise StoreError(f"{self.shown} refuses the query: {error!s:.500}") from None
        except ServerError as error:
            raise StoreError(str(error)) from None
        warnings = document.get("warnings")
        for text in warnings if isinstance(warnings, list) else ():
            self._warn(str(text)[:500])
        return document["data"]

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            del self.warnings[:-_MOST_WARNINGS]
            logger.warning("%s warns: %s", self.shown, text)


def _series(document: Any) -> RangeSeries:
    labels = {str(name): str(value) for name, value in document["metric"].items()}
    values = document.get("values") or [document["value"]] if _has(document, "value") else []
    histograms = (
        document.get("histograms") or [document["histogram"]] if _has(document, "histogram") else []
    )
    points = [(float(when), float(value)) for when, value in values]
    return RangeSeries(labels, points, [(float(when), one) for when, one in histograms])


def _has(document: Any, name: str) -> bool:
    return name in document or f"{name}s" in document

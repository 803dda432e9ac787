"""A client of the HTTP API of Prometheus for histories, which shows the warnings of the server."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from vitalspan.http_target import HttpTarget
from vitalspan.runtime.internal_errors import logger
from vitalspan.store.errors import StoreError

MAX_POINTS: Final = 11_000
"""The points of each series that a Prometheus returns at most."""

_MOST_SAMPLES: Final = 200_000
"""Samples that one response should have at most; a long range is asked about in parts."""

_MOST_BYTES: Final = 64 * 2**20
_MOST_WARNINGS: Final = 20
_PAUSE: Final = 30.0
"""Seconds in which a server that has not responded is not asked again."""

_ACCESS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class RangeSeries(NamedTuple):
    """A series of a range query.

    Attributes:
        labels: of the series.
        points: times in seconds since the Unix epoch, and values.
        histograms: times, and native histograms as the API has them.
    """

    labels: dict[str, str]
    points: list[tuple[float, float]]
    histograms: list[tuple[float, Any]]


class PrometheusClient:
    """A client of a Prometheus, Thanos or Mimir.

    Args:
        target: where requests go.
        timeout: the most seconds to wait for a response.
        clock: returns the time on a steady clock in seconds.

    Attributes:
        warnings: what servers warned of, once each: the latest twenty.
    """

    def __init__(
        self,
        target: HttpTarget,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._silent: tuple[float, str] = (float("-inf"), "")
        self.shown = target.shown
        self.warnings: list[str] = []
        self._timeout = timeout
        self._url = target.absolute(target.selector.rstrip("/")) + "/api/v1/"
        headers = dict(target.headers)
        self._authorization = headers.pop("Authorization", None)
        self._headers = {
            name: headers[name] for name in ("User-Agent", "X-Scope-OrgID") if name in headers
        }

    def instant(self, promql: str, at: float) -> list[RangeSeries]:
        """Return the result of a query at a time, in seconds since the Unix epoch.

        Raises:
            StoreError: where the server does not respond, or refuses the query.
        """
        data = self._ask("query", {"query": promql, "time": f"{at:.3f}"})
        return [_series(one) for one in self._result(data, "vector")]

    def range(
        self, promql: str, start: float, end: float, step: float, *, series: int = 1
    ) -> Iterator[list[RangeSeries]]:
        """Yield the results of a query over time, in parts that a server returns.

        Args:
            promql: the query.
            start: the first time, in seconds since the Unix epoch.
            end: the time up to which it goes, with it.
            step: the seconds between two points.
            series: how many series the result is likely to have.

        Raises:
            StoreError: where the server does not respond, or refuses the query.
        """
        points = min(MAX_POINTS, max(1, _MOST_SAMPLES // max(1, series)))
        last = int((end - start) / step + 1e-6)
        for first in range(0, last + 1, points):
            span = start + first * step, start + min(first + points - 1, last) * step
            form = {"query": promql, "step": f"{step:g}"}
            form |= {"start": f"{span[0]:.3f}", "end": f"{span[1]:.3f}"}
            yield [_series(one) for one in self._result(self._ask("query_range", form), "matrix")]

    def names(self, selector: str, start: float, end: float) -> list[str]:
        """Return the names of metrics that have had series in a time.

        Raises:
            StoreError: where the server does not respond, or refuses the request.
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
        raise self._unexpected()

    def _ask(self, endpoint: str, form: dict[str, str], *, post: bool = True) -> Any:
        """Return the data of a response. Queries are posted, because they are long."""
        until, reason = self._silent
        if self._clock() < until:
            raise StoreError(reason)
        text = urlencode(form)
        request = urllib.request.Request(  # noqa: S310 - HttpTarget has checked the URL
            self._url + endpoint + ("" if post else f"?{text}"),
            text.encode() if post else None,
            self._headers,
        )
        if self._authorization is not None:
            # A redirection must not send the password to another server.
            request.add_unredirected_header("Authorization", self._authorization)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310
                body = response.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        if len(body) > _MOST_BYTES:
            raise StoreError(
                f"{self.shown}: the answer is larger than {_MOST_BYTES >> 20} MiB: ask about a "
                "shorter period, or name labels in the URL, as in ?job=shop"
            )
        return self._data(body)

    def _data(self, body: bytes) -> Any:
        try:
            answer = json.loads(body)
            data = answer["data"]
        except (ValueError, KeyError, TypeError):
            raise self._unexpected() from None
        warnings = answer.get("warnings")
        for text in warnings if isinstance(warnings, list) else ():
            self._warn(str(text)[:500])
        return data

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            del self.warnings[:-_MOST_WARNINGS]
            logger.warning("%s warns: %s", self.shown, text)

    def _unexpected(self) -> StoreError:
        return StoreError(
            f"{self.shown} responds, but not as a Prometheus does: is the path right?"
        )

    def _refusal(self, error: urllib.error.HTTPError) -> StoreError:
        if error.code in _ACCESS:
            return StoreError(
                f"{self.shown} responded with {error.code}: put a user and a password into the "
                "URL, as in prometheus+https://user:password@host, or a token into "
                "VITALSPAN_HISTORY_TOKEN"
            )
        try:
            reason = str(json.loads(error.read(65536))["error"])
        except (OSError, ValueError, KeyError, TypeError):
            return StoreError(
                f"{self.shown} responded with {error.code}, unlike a Prometheus: is the path right?"
            )
        return StoreError(f"{self.shown} refuses the query: {reason:.500}")

    def _unreachable(self, error: Exception) -> StoreError:
        cause = getattr(error, "reason", error)
        reason = getattr(cause, "strerror", None) or type(cause).__name__
        text = f"{self.shown} cannot be reached: {reason}"
        if isinstance(cause, TimeoutError):
            text = f"{self.shown}: no response within {self._timeout:g} s"
        self._silent = self._clock() + _PAUSE, text
        return StoreError(text)


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

"""A client of the HTTP API of Prometheus, for queries."""

from __future__ import annotations

import http.client
import json
import math
import urllib.error
import urllib.request
from collections import Counter
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from vitalspan.errors import VitalspanError
from vitalspan.http_target import HttpTarget
from vitalspan.units import parse_duration

_SECONDS: Final = 30.0
_MOST: Final = 256 * 2**20
"""The most bytes of a response; no panel needs more."""

_USUAL_SCRAPE: Final = 15.0
_ACCESS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class ServerError(VitalspanError):
    """The server does not respond as Prometheus does. The message has no secrets."""


class RefusedError(Exception):
    """A request was refused or timed out. The message is that of the server."""


class PrometheusApi:
    """A client of a Prometheus, or of a server with the same API.

    Args:
        url: the address of the server; a user and a password in it become basic authentication.
        timeout: the most seconds to wait for a response.

    Raises:
        ConfigurationError: for an invalid URL; the message has no secrets.
    """

    def __init__(self, url: str, timeout: float = _SECONDS) -> None:
        target = HttpTarget("Prometheus", url, timeout=timeout)
        self.shown = target.shown
        self._timeout = timeout
        host = f"[{target.host}]" if ":" in target.host else target.host
        path = target.selector.partition("?")[0].rstrip("/")
        self._base = f"{target.scheme}://{host}:{target.port}{path}/api/v1/"
        self._headers = {
            name: target.headers[name] for name in ("User-Agent",) if name in target.headers
        }
        self._authorization = target.headers.get("Authorization")

    def now(self) -> float:
        """Return the time of the server's clock, in Unix seconds.

        Raises:
            ServerError: if no Prometheus responds.
        """
        try:
            return float(self._ask("query", {"query": "time()"})["result"][1])
        except RefusedError as refused:
            raise ServerError(f"{self.shown}: {refused}") from None
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._unexpected() from None

    def scrape_interval(self) -> float:
        """Return the scrape interval of most targets, in seconds."""
        try:
            targets = self._ask("targets", {"state": "active"}, post=False)["activeTargets"]
            intervals = Counter(parse_duration(one["scrapeInterval"]) for one in targets)
        # A server with nothing but the query API knows no targets.
        except (RefusedError, KeyError, TypeError, ValueError):
            return _USUAL_SCRAPE
        return max(intervals.most_common(1)[0][0], 1.0) if intervals else _USUAL_SCRAPE

    def has_values(self, promql: str, start: float, end: float, step: float) -> bool:
        """Return whether a query has a value other than NaN at any time of a range.

        Raises:
            RefusedError: if the query is refused.
        """
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        answer = self._ask("query_range", {"query": promql, **span})
        samples = (
            value
            for series in answer["result"]
            for value in (*series.get("values", ()), *series.get("histograms", ()))
        )
        return any(map(_is_value, samples))

    def has_value(self, promql: str, at: float) -> bool:
        """Return whether a query has a value other than NaN at a time.

        Raises:
            RefusedError: if the query is refused.
        """
        answer = self._ask("query", {"query": promql, "time": f"{at:.3f}"})
        if answer["resultType"] in ("scalar", "string"):
            return _is_value(answer["result"])
        return any(
            _is_value(series.get("value") or series["histogram"]) for series in answer["result"]
        )

    def texts(self, promql: str, at: float) -> list[str]:
        """Return the samples of a query at a time, as texts for a variable of Grafana.

        Raises:
            RefusedError: if the query is refused.
        """
        answer = self._ask("query", {"query": promql, "time": f"{at:.3f}"})
        if answer["resultType"] != "vector":
            return [str(answer["result"][1])]
        return [_text(series["metric"], series["value"]) for series in answer["result"]]

    def label_values(
        self, label: str, selector: str = "", start: float = 0.0, end: float = 0.0
    ) -> list[str]:
        """Return the values of a label of some series, at any time if none is given.

        Raises:
            RefusedError: if the request is refused.
        """
        parameters = {"match[]": selector} if selector else {}
        if end:
            parameters |= {"start": f"{start:.3f}", "end": f"{end:.3f}"}
        values = self._ask(f"label/{quote(label, safe='')}/values", parameters, post=False)
        return [str(one) for one in values or ()]

    def label_names(self) -> list[str]:
        """Return the names of all labels.

        Raises:
            RefusedError: if the request is refused.
        """
        return [str(one) for one in self._ask("labels", {}, post=False) or ()]

    def metadata_names(self) -> list[str]:
        """Return the metrics that are known from scrapes, whether they have series or not.

        Raises:
            RefusedError: if the request is refused.
        """
        return [str(one) for one in self._ask("metadata", {}, post=False) or ()]

    def series(self, promql: str, at: float) -> list[dict[str, str]]:
        """Return the labels of what a query selects at a time.

        Raises:
            RefusedError: if the query is refused.
        """
        answer = self._ask("query", {"query": promql, "time": f"{at:.3f}"})
        return [dict(series["metric"]) for series in answer["result"]]

    def _ask(self, endpoint: str, parameters: dict[str, str], *, post: bool = True) -> Any:
        """Return the data of a response. Queries are posted, because they are long."""
        form = urlencode(parameters)
        url = self._base + endpoint + ("" if post or not form else f"?{form}")
        # HttpTarget has checked that this is an HTTP URL.
        request = urllib.request.Request(  # noqa: S310
            url, form.encode() if post else None, self._headers
        )
        if self._authorization is not None:
            # A redirection must not send the password to another server.
            request.add_unredirected_header("Authorization", self._authorization)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310
                body = response.read(_MOST + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except TimeoutError:
            raise RefusedError(f"no response within {self._timeout:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        if len(body) > _MOST:
            raise RefusedError(f"the response is larger than {_MOST >> 20} MiB")
        return self._data(body)

    def _data(self, body: bytes) -> Any:
        try:
            answer = json.loads(body)
            return answer["data"]
        except (ValueError, KeyError, TypeError):
            raise self._unexpected() from None

    def _unexpected(self) -> ServerError:
        return ServerError(f"{self.shown} responds, but not as a Prometheus does")

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        if error.code in _ACCESS:
            return ServerError(
                f"{self.shown} responded with {error.code}: put a user and a password into the "
                "URL, as in https://user:password@host"
            )
        try:
            said = json.loads(error.read(65536))["error"]
        except (OSError, ValueError, KeyError, TypeError):
            return ServerError(
                f"{self.shown} responded with {error.code}, unlike a Prometheus: is the path right?"
            )
        return RefusedError(str(said))

    def _unreachable(self, error: Exception) -> Exception:
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            return RefusedError(f"no response within {self._timeout:g} s")
        why = getattr(cause, "strerror", None) or type(cause).__name__
        return ServerError(f"{self.shown} cannot be reached: {why}")


def _is_value(sample: Any) -> bool:
    value = sample[1]
    # The value of a native histogram is an object.
    return not isinstance(value, str) or not math.isnan(float(value))


def _text(labels: dict[str, str], sample: Any) -> str:
    name = labels.pop("__name__", "")
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}} {sample[1]} {round(float(sample[0]) * 1000)}"

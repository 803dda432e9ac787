"""A client of the HTTP API of Prometheus, for queries."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final
from urllib.parse import quote

from vitalspan.http_client.prometheus_api import PrometheusHttp, RefusedError, ServerError
from vitalspan.http_client.target import HttpTarget
from vitalspan.units import parse_duration

_MOST: Final = 256 * 2**20
"""The size limit of a response in bytes; no panel needs more."""

_USUAL_SCRAPE: Final = 15.0


class PrometheusApi(PrometheusHttp):
    """A client of a Prometheus, or of a server with the same API.

    Args:
        url: the address of the server; a user and a password in it become basic authentication.
        timeout: the timeout of a response in seconds.

    Raises:
        ConfigurationError: for an invalid URL; the message has no secrets.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        target = HttpTarget("Prometheus", url, timeout=timeout)
        super().__init__(target, _MOST, "the URL, as in https://user:password@host")

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
            raise self.unexpected() from None

    def scrape_interval(self) -> float:
        """Return the scrape interval of most targets, in seconds."""
        try:
            targets = self._ask("targets", {"state": "active"}, post=False)["activeTargets"]
            intervals = Counter(parse_duration(one["scrapeInterval"]) for one in targets)
        # A server with only the query API knows no targets.
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
        """Return the labels of the series that a query selects at a time.

        Raises:
            RefusedError: if the query is refused.
        """
        answer = self._ask("query", {"query": promql, "time": f"{at:.3f}"})
        return [dict(series["metric"]) for series in answer["result"]]

    def _ask(self, endpoint: str, parameters: dict[str, str], *, post: bool = True) -> Any:
        return self.ask(endpoint, parameters, post=post)["data"]


def _is_value(sample: Any) -> bool:
    value = sample[1]
    # The value of a native histogram is an object.
    return not isinstance(value, str) or not math.isnan(float(value))


def _text(labels: dict[str, str], sample: Any) -> str:
    name = labels.pop("__name__", "")
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}} {sample[1]} {round(float(sample[0]) * 1000)}"

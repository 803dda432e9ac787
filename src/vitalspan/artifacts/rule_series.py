"""Checks whether the series of rules exist, in a Prometheus or at a metrics endpoint."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple, Protocol

from vitalspan import metrics as names
from vitalspan.artifacts.dashboard_check.prometheus_api import PrometheusApi
from vitalspan.compiler.fleet_query import FleetQuery
from vitalspan.errors import ConfigurationError
from vitalspan.http_client.client import fetch
from vitalspan.http_client.connection import HttpError
from vitalspan.http_client.prometheus_api import RefusedError
from vitalspan.http_client.target import HttpTarget
from vitalspan.metrics import COMPONENT, DURATION_COUNT, OPERATION, Family, measure
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.expression import VectorSelector
from vitalspan.promql.find_selectors import selectors
from vitalspan.promql.matchers import match_all
from vitalspan.rules.missing_names import missing_label, missing_value, needed
from vitalspan.rules.model import ExpressionRule, Rule, RuleSet, Slo
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.source import MONITOR
from vitalspan.words import hint, nearest

_NAMING: Final = (COMPONENT, OPERATION, "cache", "api", "slo")
"""Labels whose values are names chosen by a program instead of events."""

_ALERTS: Final = "ALERTS"
"""The series that Prometheus itself writes about alerts."""

_MOST: Final = 64 * 2**20
_SECONDS: Final = 30.0
_LATELY: Final = "1d"
"""The time range of queries for series."""


class SeriesFinding(NamedTuple):
    """A finding about the series of a rule or an SLO.

    Attributes:
        name: the name of the rule or the SLO.
        problem: what is missing.
        is_mistake: whether a name is missing, rather than an event that has not happened yet.
    """

    name: str
    problem: str
    is_mistake: bool


class SeriesSource(Protocol):
    """A source of series."""

    def label_sets(self, metric: str) -> list[dict[str, str]]:
        """Return the labels of all series of a metric."""

    def metrics(self) -> Collection[str]:
        """Return the names of all metrics, including known ones without series."""


class PrometheusSeries:
    """The series that a Prometheus has had in the last day.

    Args:
        api: the API of the server.
    """

    def __init__(self, api: PrometheusApi) -> None:
        self._api = api
        self._now = api.now()
        self._names: set[str] | None = None

    def label_sets(self, metric: str) -> list[dict[str, str]]:
        """Return the labels of all series of a metric."""
        return self._api.series(f"last_over_time({metric}[{_LATELY}])", self._now)

    def metrics(self) -> Collection[str]:
        """Return the names of all metrics, including scraped ones without series."""
        if self._names is None:
            self._names = {*self._api.label_values("__name__"), *self._api.metadata_names()}
        return self._names


class ScrapedSeries:
    """The series of one scrape.

    Args:
        text: an exposition in the text format of Prometheus or OpenMetrics.
    """

    def __init__(self, text: str) -> None:
        # Only this command parses expositions.
        from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

        self._series: dict[str, list[dict[str, str]]] = {}
        for family in text_string_to_metric_families(text):
            # A metric without samples is known, but has no events yet.
            total = f"{family.name}_total" if family.type == "counter" else family.name
            self._series.setdefault(total, [])
            for sample in family.samples:
                self._series.setdefault(sample.name, []).append(dict(sample.labels))

    def label_sets(self, metric: str) -> list[dict[str, str]]:
        """Return the labels of all series of a metric."""
        return self._series.get(metric, [])

    def metrics(self) -> Collection[str]:
        """Return the names of all metrics, including those without series."""
        return self._series


def series_source(url: str) -> SeriesSource:
    """Return the source of series at a URL.

    Args:
        url: the URL of a Prometheus, or of a metrics endpoint such as
            `http://localhost:9464/metrics`.

    Raises:
        ConfigurationError: for an invalid URL.
        ServerError: if neither responds there.
    """
    text = _exposition(url)
    return PrometheusSeries(PrometheusApi(url)) if text is None else ScrapedSeries(text)


def findings(rules: RuleSet, source: SeriesSource, prefix: str = "") -> Iterator[SeriesFinding]:
    """Yield the missing series of rules and SLOs.

    Args:
        rules: the rules without the groups of the SLOs.
        source: the source of the series.
        prefix: the prefix of the names of vitalspan's own metrics.

    Raises:
        RefusedError: if a server refuses a request.
        ServerError: if it does not respond.
    """
    for name, series in _series_by_name(rules, prefix):
        missing = (_missing(selector, source, prefix) for selector in series)
        for problem, is_mistake in islice(filter(None, missing), 1):
            yield SeriesFinding(name, problem, is_mistake)


def _series_by_name(rules: RuleSet, prefix: str) -> Iterator[tuple[str, Iterable[VectorSelector]]]:
    """Yield the names of SLOs and rules, and the series that each is about."""
    for slo in rules.slos:
        yield slo.name, _series_of_slo(slo, prefix)
    recorded = {_ALERTS}
    for group in rules.groups:
        for rule in group.rules:
            yield rule.alert, _series_of_rule(rule, prefix)
        for one in group.expressions:
            name = one.alert if isinstance(one, ExpressionRule) else one.record
            metrics = {selector.name for selector in selectors(one.expr)} - recorded - {""}
            yield name, map(VectorSelector, sorted(metrics))
            recorded.add(name)


def _series_of_slo(slo: Slo, prefix: str) -> list[VectorSelector]:
    if slo.counted is None:
        return [VectorSelector(prefix + DURATION_COUNT, slo.where)]
    total = slo.counted.total
    return [VectorSelector(total.series, (*slo.where, *total.where))]


def _series_of_rule(rule: Rule, prefix: str) -> list[VectorSelector]:
    query, signal = rule.query, signal_of(rule.query)
    if signal.source is MONITOR:
        return []
    fleet = FleetQuery.of(query, PromqlContext(prefix=prefix), worst="max")
    series = [fleet.series()]
    series += [fleet.selection.series(metric) for metric in signal.metrics]
    if query.measure is not None:
        series.append(fleet.selection.series(measure(query.measure).name))
    return list(dict.fromkeys(series))


def _missing(
    selector: VectorSelector, source: SeriesSource, prefix: str
) -> tuple[str, bool] | None:
    """Return what is missing of a selector's series, and whether a name is; None if nothing is."""
    metric, where = selector.metric, selector.matchers
    series = source.label_sets(metric)
    if any(match_all(where, labels) for labels in series):
        return None
    if not series:
        return _missing_metric(metric, source, prefix)
    for one in needed(where):
        problem = missing_label(metric, one.label, series)
        if one.label in _NAMING:
            problem = problem or missing_value(one, series)
        if problem:
            return problem, True
    return f"no series is {selector} yet", False


def _missing_metric(metric: str, source: SeriesSource, prefix: str) -> tuple[str, bool]:
    metrics = source.metrics()
    own = {prefix + family.name for family in vars(names).values() if isinstance(family, Family)}
    # Metadata has counters without the suffix. Our metrics have no metadata before they have
    # series.
    quiet = bool({metric, metric.removesuffix("_total")} & {*metrics, *own})
    start = f"{prefix}operation_"
    if metric.startswith(start) and metric.endswith("_total"):
        # A measure may only be counted in rare calls.
        measures = [one[len(start) :] for one in metrics if one.startswith(start)]
        plain = [one.removesuffix("_total") for one in measures if one.endswith("_total")]
        stem = metric.removeprefix(start).removesuffix("_total")
        quiet = quiet or nearest(stem, plain) is None
    if quiet:
        return f"{metric} has no series yet", False
    histogram, _, part = metric.rpartition("_")
    if part in ("bucket", "count", "sum") and source.label_sets(histogram):
        problem = (
            f"there is no metric {metric}, only the native histogram {histogram}: set "
            "always_scrape_classic_histograms in Prometheus, because exported rules use classic "
            "ones"
        )
        return problem, True
    return f"there is no metric {metric}{hint(metric, metrics)}", True


def _exposition(url: str) -> str | None:
    """Return the text of a metrics endpoint; None if there is none."""
    target = HttpTarget("metrics endpoint", url, timeout=_SECONDS)
    accept = {"Accept": "text/plain;version=0.0.4"}
    try:
        response = fetch(target, target.selector, headers=accept, most=_MOST)
    except (HttpError, ConfigurationError):
        # PrometheusApi reports problems with a server.
        return None
    kind = response.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    if not 200 <= response.status < 300 or kind not in (
        "text/plain",
        "application/openmetrics-text",
    ):
        return None
    return response.body.decode("utf-8", "replace")


__all__ = ["RefusedError", "SeriesFinding", "findings", "series_source"]

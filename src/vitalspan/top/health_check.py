"""The health of a service at a URL: its score, its status and the reasons."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from vitalspan.bridge.scrape.scrape_target import ScrapeError, get
from vitalspan.http_client.target import HttpTarget
from vitalspan.top.instances import Instance, metrics_url
from vitalspan.top.json_fields import fields_of
from vitalspan.top.service_metrics import NO_DATA

UNREACHABLE: Final = 3
"""The exit code of the program if the health is unknown."""

EXIT_CODES: Final = {
    "healthy": 0,
    "excellent": 0,
    "good": 0,
    "degraded": 1,
    "warning": 1,
    "unhealthy": 2,
    "critical": 2,
    NO_DATA: UNREACHABLE,
}
"""The exit codes by status; for levels of other names it is 2 if the service fails, otherwise 0."""

_METRICS: Final = "/metrics"
_HEALTH: Final = "/health"
_JSON: Final = "application/json"


@dataclass(frozen=True)
class HealthReport:
    """The health of a service.

    Attributes:
        score: the score from 0 to 100; None if it is unknown.
        status: the level of the score, or `no_data`.
        reasons: descriptions of what costs points, the most costly first.
        failing: whether the service counts as failing.
    """

    score: float | None
    status: str
    reasons: tuple[str, ...]
    failing: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code of the program."""
        return EXIT_CODES.get(self.status, 2 if self.failing else 0)


def health_at(url: str, *, timeout: float, metric_prefix: str = "") -> HealthReport:
    """Return the health of a service.

    `/health` beside the metrics or below them has the reasons in words. If an application has
    metrics but no `/health`, the factors in the metrics are the reasons.

    Args:
        url: the URL of the service, its metrics, its page or its `/health`.
        timeout: the timeout of each of at most three requests in seconds.
        metric_prefix: the prefix of the service's metric names.

    Raises:
        ConfigurationError: for an invalid URL.
        ScrapeError: if the health is not available.
    """
    whole = metrics_url(url)
    HttpTarget("health", whole, timeout=timeout)
    parts = urlsplit(whole)
    path = parts.path.rstrip("/")
    has_metrics = path.endswith(_METRICS)
    # In a web framework, the probes are below the path of the metrics.
    beside = f"{path.removesuffix(_METRICS)}{_HEALTH}" if has_metrics else parts.path
    for candidate in (beside, f"{path}{_HEALTH}"):
        report = _asked(urlunsplit(parts._replace(path=candidate)), timeout)
        if report is not None:
            return report
    if not has_metrics:
        raise ScrapeError(
            "the response is not the health of a vitalspan service: give the URL of its metrics"
        )
    return _from_metrics(whole, timeout, metric_prefix)


def _asked(url: str, timeout: float) -> HealthReport | None:
    """The response of `/health`, which is 503 for a failing service; None for other responses."""
    answer = get(HttpTarget("health", url, timeout=timeout), _JSON)
    if answer.status not in (200, 503):
        return None
    fields = fields_of(answer)
    status = fields.text("status")
    if not status or not fields.has("reasons"):
        return None
    reasons, failing = tuple(fields.texts("reasons")), answer.status == 503
    return HealthReport(fields.number("score"), status, reasons, failing=failing)


def _from_metrics(url: str, timeout: float, metric_prefix: str) -> HealthReport:
    instance = Instance(url, timeout=timeout, now=time.monotonic, metric_prefix=metric_prefix)
    instance.scrape()
    error, health = instance.state.error, instance.state.health
    if error is not None:
        raise ScrapeError(error)
    reasons = tuple(f"{factor} costs {points:.1f} points" for factor, points in health.lost)
    return HealthReport(health.score, health.status, reasons, failing=health.failing)

"""The watched services: each is scraped, and keeps its last two readings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from vitalspan.bridge.scrape.scrape_target import ScrapeTarget
from vitalspan.errors import ConfigurationError
from vitalspan.http_client.target import with_scheme
from vitalspan.top.figures import Figures, figures_of, summed
from vitalspan.top.service_metrics import FIRING, Alert, Health, Reading, read_metrics

DEFAULT_URL: Final = "http://localhost:9464/metrics"
NOTHING_KNOWN: Final = "has no metrics of vitalspan"


def metrics_url(url: str) -> str:
    """Return the URL of the metrics; a missing `http://` or `/metrics` is added."""
    whole = with_scheme(url)
    try:
        parts = urlsplit(whole)
    except ValueError:
        return whole
    return whole if parts.path.strip("/") else urlunsplit(parts._replace(path="/metrics"))


def host_of(url: str) -> str:
    """Return the host and the port of a URL, without credentials; empty for an invalid URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


@dataclass(frozen=True)
class InstanceState:
    """The state of an instance.

    Attributes:
        name: the host and port.
        error: why nothing is known; None if something is.
        health: the score and what costs points.
        alerts: the pending and firing alerts.
        figures: the figures of its operations.
    """

    name: str
    error: str | None
    health: Health = field(default_factory=Health)
    alerts: tuple[Alert, ...] = ()
    figures: tuple[Figures, ...] = ()


class Instance:
    """A service at a URL, which may be unreachable at times.

    Args:
        url: the URL of its metrics.
        timeout: the maximum number of seconds of a scrape.
        now: a steady clock in seconds.
        metric_prefix: the prefix of its metric names.
        name: the name; by default its host and port.

    Raises:
        ConfigurationError: for an invalid URL.

    Attributes:
        name: the host and port.
        state: the result of the last scrape.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        now: Callable[[], float],
        metric_prefix: str = "",
        name: str = "",
    ) -> None:
        whole = metrics_url(url)
        self._target = ScrapeTarget(whole, service=None, timeout=timeout)
        self._now = now
        self._prefix = metric_prefix
        self._latest: Reading | None = None
        self.name = name or host_of(whole)
        self.state = InstanceState(self.name, "has not answered yet")

    def scrape(self) -> None:
        """Scrape once; after a failure the last reading is kept, so that rates go on from there."""
        # In one step, because the screen reads it in another thread.
        try:
            self.state = self._scraped()
        except Exception as broken:  # noqa: BLE001 - what is sent may break a parser in any way
            problem = f"its answer cannot be read ({type(broken).__name__})"
            self.state = InstanceState(self.name, problem)

    def _scraped(self) -> InstanceState:
        self._target.scrape()
        if self._target.error is not None:
            return InstanceState(self.name, self._target.error)
        reading = read_metrics(self._target.metrics, self._now(), self._prefix)
        if not reading.known:
            return InstanceState(self.name, NOTHING_KNOWN)
        figures = tuple(figures_of(self._latest, reading, self.name))
        self._latest = reading
        return InstanceState(self.name, None, reading.health, tuple(reading.alerts), figures)


@dataclass(frozen=True)
class Snapshot:
    """The state of all instances at a moment.

    Attributes:
        time: the time in Unix seconds.
        instances: the instances in the order of their URLs.
    """

    time: float
    instances: tuple[InstanceState, ...]

    @property
    def reachable(self) -> list[InstanceState]:
        """The instances that could be scraped."""
        return [one for one in self.instances if one.error is None]

    @property
    def worst(self) -> InstanceState | None:
        """The instance with the lowest score, since scores are never averaged; None without one."""
        scored = [one for one in self.reachable if one.health.score is not None]
        return min(scored, key=lambda one: one.health.score or 0.0, default=None)

    def figures(self, *, apart: bool) -> list[Figures]:
        """Return the figures of operations, per instance or summed."""
        everything = [one for instance in self.reachable for one in instance.figures]
        return everything if apart else summed(everything)

    def alerts(self) -> list[tuple[Alert, list[str]]]:
        """Return alerts and the instances that have them, firing ones first."""
        places: dict[Alert, list[str]] = {}
        for instance in self.reachable:
            for alert in instance.alerts:
                places.setdefault(alert, []).append(instance.name)
        return sorted(places.items(), key=lambda one: (_rank(one[0]), one[0]))


_SEVERITIES: Final = ("critical", "error", "warning", "info")


def _rank(alert: Alert) -> tuple[bool, int]:
    known = alert.severity in _SEVERITIES
    severity = _SEVERITIES.index(alert.severity) if known else len(_SEVERITIES)
    return alert.state != FIRING, severity


def make_instances(
    urls: Sequence[str], *, timeout: float, now: Callable[[], float], metric_prefix: str = ""
) -> list[Instance]:
    """Return the instances at some URLs; by default the usual one on this machine.

    Raises:
        ConfigurationError: for an invalid or duplicate URL.
    """
    distinct = [metrics_url(url) for url in urls or [DEFAULT_URL]]
    if len(set(distinct)) < len(distinct):
        raise ConfigurationError("a URL is given twice: its calls would be counted twice")
    instances, seen = [], Counter[str]()
    for url in distinct:
        host = host_of(url)
        seen[host] += 1
        name = host if seen[host] == 1 else f"{host} #{seen[host]}"
        instances.append(
            Instance(url, timeout=timeout, now=now, metric_prefix=metric_prefix, name=name)
        )
    return instances

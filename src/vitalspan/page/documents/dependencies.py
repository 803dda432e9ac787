"""The document of caches and APIs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitalspan.page.documents.promql import Queries, promql_of_dependencies
from vitalspan.page.figures import figures_of_all
from vitalspan.statistics.call_statistics import ApiStatistics, CacheStatistics

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor


@dataclass(frozen=True)
class Dependencies:
    """The caches and the APIs that the service uses.

    Attributes:
        at: when this was written, in seconds since the Unix epoch.
        seconds: how long the time is that the figures are about.
        caches: those with most look-ups come first.
        apis: those that cost most come first, and then those with most calls.
        cost: US dollars that all of them cost.
        promql: the figures of a cache and of an API in PromQL, by name, with `$component`, `$cache`
            and `$api` for their names.
    """

    at: float
    seconds: float
    caches: tuple[CacheStatistics, ...]
    apis: tuple[ApiStatistics, ...]
    cost: float
    promql: Queries


def dependencies(monitor: Monitor, asked: dict[str, Any]) -> Dependencies:
    """Return the caches and the APIs that the service uses, with what they cost."""
    figures = figures_of_all(monitor, asked["range"])
    return Dependencies(
        at=monitor.clock.wall(),
        seconds=figures.seconds,
        caches=tuple(sorted(figures.caches, key=lambda one: -(one.hits + one.misses))),
        apis=tuple(sorted(figures.apis, key=lambda one: (-one.cost, -one.calls))),
        cost=sum(one.cost for one in figures.apis),
        promql=promql_of_dependencies(monitor, asked["range"]),
    )

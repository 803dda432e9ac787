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
    """The caches and APIs that the service uses.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        seconds: the length of the period of the figures.
        caches: the caches, those with most lookups first.
        apis: the APIs, ordered by cost and then by calls.
        cost: their total cost in US dollars.
        promql: the figures of a cache, of an API and of a model in PromQL, by name, with
            `$component`, `$cache`, `$api` and `$model` for their names.
    """

    at: float
    seconds: float
    caches: tuple[CacheStatistics, ...]
    apis: tuple[ApiStatistics, ...]
    cost: float
    promql: Queries


def dependencies(monitor: Monitor, asked: dict[str, Any]) -> Dependencies:
    """Return the caches and APIs that the service uses, with their cost."""
    figures = figures_of_all(monitor, asked["range"])
    return Dependencies(
        at=monitor.clock.wall(),
        seconds=figures.seconds,
        caches=tuple(sorted(figures.caches, key=lambda one: -(one.hits + one.misses))),
        apis=tuple(sorted(figures.apis, key=lambda one: (-one.cost, -one.calls))),
        cost=sum(one.cost for one in figures.apis),
        promql=promql_of_dependencies(monitor, asked["range"]),
    )

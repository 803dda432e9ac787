"""The memory of operations (tracemalloc), each case in a separate process.

`operations`: the growth for each of 1,000 operations. `default`: all the state of a monitor with
ten. `hand`: the growth for each of 1,000 operations made with prometheus_client by hand.
"""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry

import vitalspan as vs
from cases.by_hand import by_hand, series
from cases.shop import durations, names
from harness import arguments, emit
from vitalspan.clock import ManualClock


def held() -> int:
    """Bytes that are allocated and reachable."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def functions(count: int, clock: ManualClock) -> list[Any]:
    """Functions to decorate; a call takes as long as its argument says."""

    def make(name: str) -> Any:
        def function(duration: float) -> None:
            clock.advance(duration)

        function.__name__ = function.__qualname__ = name
        return function

    return [make(name) for name in names(count)]


def use(decorated: list[Any], calls: int) -> None:
    """Call every function `calls` times with durations that fill the buckets."""
    for function in decorated:
        past = durations(function.__qualname__)
        for _ in range(calls):
            function(next(past))


def warm() -> None:
    """Import everything that the first use imports."""
    registry = CollectorRegistry()
    clock = ManualClock()
    monitor = vs.Monitor(registry=registry, clock=clock)
    use([monitor.operation(function) for function in functions(3, clock)], 10)
    vs.generate_latest(registry)
    monitor.close()


def monitored(count: int, calls: int, *, whole: bool) -> dict[str, float]:
    """Bytes before and after a scrape; with `whole` also the monitor's own memory."""
    clock = ManualClock()
    registry = CollectorRegistry()
    plain = functions(count, clock)
    warm()
    tracemalloc.start()
    base = held()
    monitor = vs.Monitor(registry=registry, clock=clock)
    if not whole:
        base = held()
    decorated = [monitor.operation(function) for function in plain]
    use(decorated, calls)
    before = held() - base
    vs.generate_latest(registry)
    return {"before": before, "after": held() - base}


def hand(count: int, calls: int) -> float:
    """Bytes of the same functions, recorded manually with prometheus_client."""
    registry = CollectorRegistry()
    clock = ManualClock()
    plain = functions(count, clock)
    families = series(registry)
    by_hand(len, families)
    tracemalloc.start()
    base = held()
    decorated = [by_hand(function, families) for function in plain]
    use(decorated, calls)
    prometheus_client.generate_latest(registry)
    return held() - base


def main() -> None:
    """Measure the requested case."""
    _, (which,) = arguments()
    if which == "operations":
        seen = {name: size / 1000 for name, size in monitored(1000, 50, whole=False).items()}
        figure = {"memory": {"value": seen["after"] / 1024, "detail": seen}}
    elif which == "default":
        seen = monitored(10, 1000, whole=True)
        figure = {"memory of ten": {"value": seen["after"] / 1000, "detail": seen}}
    else:
        figure = {"memory by hand": {"value": hand(1000, 50) / 1000 / 1024, "detail": {}}}
    emit(figures=figure)


if __name__ == "__main__":
    main()

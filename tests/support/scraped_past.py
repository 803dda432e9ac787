"""A Prometheus that has scraped a service for a day or more, before the tests begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.backfill import BackfilledServer

MIDNIGHT = 1_699_920_000.0
"""The start of the service."""

SCRAPES = 120
"""The number of seconds between two scrapes."""

Work = Callable[[vs.Monitor, vs.ManualClock, int], None]
"""A function that does the work between two scrapes, given the minutes since midnight."""


def scraped(work: Work, minutes: int) -> list[tuple[str, float, str]]:
    """Return the samples of a scraped service, from which blocks are created."""
    clock = vs.ManualClock(wall=MIDNIGHT)
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    monitor.rules.add(alert="Slow", signal="latency_p95", window="5m", above="1s", for_="0s")
    # Growth needs a sample from before the first event.
    work(monitor, clock, 0)
    samples: dict[str, list[tuple[float, str]]] = {}
    for second in range(SCRAPES, 60 * minutes + SCRAPES + 1, SCRAPES):
        clock.advance(MIDNIGHT + second - clock.wall())
        monitor.tick()
        for line in monitor.generate_latest().decode().splitlines():
            if line.startswith(("operation_", "cache_", "api_", "health_score ", "alert_state")):
                series, _, value = line.rpartition(" ")
                samples.setdefault(series, []).append((clock.wall(), value))
        work(monitor, clock, second // 60)
    monitor.close()
    return [
        (with_labels(series, 'job="shop",instance="a:1"'), when, value)
        for series, some in samples.items()
        for when, value in some
    ]


def with_labels(series: str, more: str) -> str:
    """Return a selector with further labels."""
    name, brace, labels = series.partition("{")
    return f"{name}{{{more},{labels}" if brace else f"{name}{{{more}}}"


@contextmanager
def prometheus_with(
    samples: list[tuple[str, float, str]], folder: Path
) -> Iterator[BackfilledServer]:
    """Run a Prometheus with samples of the past."""
    server = BackfilledServer(folder, {})
    server.fill(samples)
    with server:
        yield server

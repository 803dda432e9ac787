"""Monitors that represent the processes of one service, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry

import vitalspan as vs


class Recorded(NamedTuple):
    """One call, or another recorded event."""

    kind: str
    operation: str = "f"
    seconds: float = 0.0
    region: str = "eu"
    error: type[BaseException] | None = None
    amount: int = 1


def make_monitor(directory: Path | str = "", clock: vs.ManualClock | None = None) -> vs.Monitor:
    """Return a monitor like that of a service's process."""
    return vs.Monitor(
        registry=CollectorRegistry(),
        clock=clock or vs.ManualClock(),
        system_metrics=False,
        workers=str(directory),
        # They publish when the test wants it.
        publish_interval=3600.0,
    )


@contextmanager
def processes(
    directory: Path, count: int, clock: vs.ManualClock | None = None
) -> Iterator[list[vs.Monitor]]:
    """Yield monitors that share a directory."""
    clock = clock or vs.ManualClock()
    monitors = [make_monitor(directory, clock) for _ in range(count)]
    try:
        yield monitors
    finally:
        for monitor in monitors:
            monitor.close()


def record(monitor: vs.Monitor, one: Recorded, clock: vs.ManualClock) -> None:
    """Record one thing."""
    if one.kind == "cache":
        cache = monitor.cache(one.operation)
        (cache.hit if one.error is None else cache.miss)()
    elif one.kind == "api":
        error = None if one.error is None else "failed"
        monitor.api(one.operation).record(tokens=one.amount, cost=one.seconds, error=error)
    else:
        record_call(monitor, one, clock)


def record_call(monitor: vs.Monitor, one: Recorded, clock: vs.ManualClock) -> None:
    """Record one call."""
    operation = monitor.operation(one.operation, labels={"region": one.region}, resources=False)
    try:
        with operation as call:
            call.add("items", one.amount)
            clock.advance(one.seconds)
            if one.error is not None:
                raise one.error
    except (Exception, GeneratorExit):
        assert one.error is not None
    except BaseException:
        assert one.error is not None


def die(monitor: vs.Monitor) -> None:
    """Let the process of a monitor be killed, and another one take its place."""
    workers = monitor.workers
    assert workers is not None
    workers.publisher.reset()
    monitor.reset()


def publish(monitor: vs.Monitor) -> None:
    """Let the process of a monitor publish, as it does every second."""
    workers = monitor.workers
    assert workers is not None
    assert workers.publisher.publish()


def exposition(monitor: vs.Monitor) -> dict[str, float]:
    """Return what a monitor shows of the application: each sample's value by its text."""
    lines = monitor.generate_latest().decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith(("#", "vitalspan_")))
    return {name: float(value) for name, _, value in samples}

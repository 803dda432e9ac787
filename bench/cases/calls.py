"""The cost of a call with metrics but no tracer provider."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Histogram

import vitalspan as vs
from cases.by_hand import aby_hand, aotel_metrics, by_hand, otel_instruments, otel_metrics, series
from floor import Switch, aflagged, awork, flagged, work
from harness import Subject, arguments, compare, emit, pin, versions

PACKAGES = (
    *("vitalspan", "prometheus-client", "opentelemetry-api", "opentelemetry-sdk", "psutil"),
)


def inline(monitor: Any) -> Any:
    """A `with` statement that names its operation at every call."""

    def call(value: int) -> int:
        with monitor.operation("inline"):
            return value

    return call


def ainline(monitor: Any) -> Any:
    """An `async with` statement that names its operation at every call."""

    async def call(value: int) -> int:
        async with monitor.operation("ainline"):
            return value

    return call


def kept(monitor: Any) -> Any:
    """A `with` statement on an operation made once."""
    operation = monitor.operation("kept")

    def call(value: int) -> int:
        with operation:
            return value

    return call


def akept(monitor: Any) -> Any:
    """An `async with` statement on an operation made once."""
    operation = monitor.operation("akept")

    async def call(value: int) -> int:
        async with operation:
            return value

    return call


def in_session(func: Any) -> Any:
    """A decorated function of a monitor with an open session, which is never closed."""
    monitor = vs.Monitor(registry=CollectorRegistry())
    decorated = monitor.operation(func)
    monitor.session("session").__enter__()
    return Subject(decorated, monitor.fold)


def disabled(func: Any) -> Any:
    """A decorated function whose monitor is disabled."""
    monitor = vs.Monitor(registry=CollectorRegistry())
    decorated = monitor.operation(func)
    monitor.disable()
    return decorated


def histogram_time(func: Any) -> Any:
    """prometheus_client's own decorator on a cached child."""
    registry = CollectorRegistry()
    histogram = Histogram("seconds", "How long calls took.", ("operation",), registry=registry)
    return histogram.labels("work").time()(func)


def main() -> None:
    """Measure sync and async subjects in turn."""
    effort, _ = arguments()
    pin(1)
    monitor = vs.Monitor(registry=CollectorRegistry())
    families = series(CollectorRegistry())
    instruments = otel_instruments()
    sync = {
        "decorated": Subject(monitor.operation(work), monitor.fold),
        "inline": Subject(inline(monitor), monitor.fold),
        "kept": Subject(kept(monitor), monitor.fold),
        "flagged": Subject(flagged(work, Switch())),
        "in a session": in_session(work),
        "disabled": Subject(disabled(work)),
        "by hand": Subject(by_hand(work, families)),
        "Histogram.time": Subject(histogram_time(work)),
        "otel metrics": Subject(otel_metrics(work, instruments)),
    }
    awaited = {
        "decorated": Subject(monitor.operation(awork), monitor.fold),
        "inline": Subject(ainline(monitor), monitor.fold),
        "kept": Subject(akept(monitor), monitor.fold),
        "flagged": Subject(aflagged(awork, Switch())),
        "disabled": Subject(disabled(awork)),
        "by hand": Subject(aby_hand(awork, families)),
        "otel metrics": Subject(aotel_metrics(awork, instruments)),
    }
    emit(calls=compare(effort, sync, awaited), packages=versions(*PACKAGES))


if __name__ == "__main__":
    main()

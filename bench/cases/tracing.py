"""The cost of a call that is also a span; one process for each way of tracing.

The word on the command line is `on`, `off` or `none`: the SDK with every span sampled and the
batch processor, the SDK with none sampled, or no SDK set up.
"""

from __future__ import annotations

import functools
from typing import Any

from opentelemetry import trace
from prometheus_client import CollectorRegistry

import vitalspan as vs
from cases.by_hand import aby_hand, by_hand, series
from floor import awork, work
from harness import Subject, arguments, compare, emit, pin


def provide(mode: str) -> Any:
    """Set the global tracer provider; return a function that waits for its spans, or None."""
    if mode == "none":
        return None
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

    class Drop(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider(sampler=ALWAYS_ON if mode == "on" else ALWAYS_OFF)
    provider.add_span_processor(BatchSpanProcessor(Drop()))
    trace.set_tracer_provider(provider)
    return provider.force_flush


def spanned(func: Any, attributes: dict[str, str] | None = None) -> Any:
    """A span around a function, as in the OTel documentation."""
    start = trace.get_tracer("bench").start_as_current_span

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with start("work", attributes=attributes):
            return func(*args, **kwargs)

    return wrapper


def aspanned(func: Any, attributes: dict[str, str] | None = None) -> Any:
    """A span around a coroutine function."""
    start = trace.get_tracer("bench").start_as_current_span

    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with start("work", attributes=attributes):
            return await func(*args, **kwargs)

    return wrapper


def main() -> None:
    """Measure sync and async subjects in turn."""
    effort, (mode,) = arguments()
    pin(1)
    flush = provide(mode)
    monitor = vs.Monitor(registry=CollectorRegistry())
    families = series(CollectorRegistry())
    said = {"component": "default", "code.function.name": f"{work.__module__}.{work.__qualname__}"}

    def folded() -> None:
        monitor.fold()
        if flush is not None:
            flush()

    sync = {
        "decorated": Subject(monitor.operation(work), folded),
        "span": Subject(spanned(work), flush),
        "span and by hand": Subject(spanned(by_hand(work, families)), flush),
        "span, attributes and by hand": Subject(spanned(by_hand(work, families), said), flush),
    }
    awaited = {
        "decorated": Subject(monitor.operation(awork), folded),
        "span": Subject(aspanned(awork), flush),
        "span and by hand": Subject(aspanned(aby_hand(awork, families)), flush),
        "span, attributes and by hand": Subject(aspanned(aby_hand(awork, families), said), flush),
    }
    emit(calls=compare(effort, sync, awaited))


if __name__ == "__main__":
    main()

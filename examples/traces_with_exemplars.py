"""Spans by OTLP, and exemplars that lead from a histogram to them.

Install: pip install 'vitalspan[otlp]'
Run: OTEL_SERVICE_NAME=shop python examples/traces_with_exemplars.py

The spans go to a collector, or to Jaeger, on port 4318, unless OTEL_EXPORTER_OTLP_ENDPOINT names
another place.
"""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import vitalspan as vs


@vs.operation("reserve", component="inventory", attributes={"warehouse.region": "north"})
def reserve(item: int) -> int:
    # The call's span is the current one, so OpenTelemetry's own API reaches it too.
    trace.get_current_span().add_event("found on a shelf")
    return item


@vs.operation("ship", component="orders", kind="server")
def ship(order: int) -> None:
    vs.current_call().set_attribute("order", order)
    reserve(order * 10)


def main() -> None:
    # A service that has a tracer provider already leaves this out: vitalspan follows it.
    vs.configure(tracing="otlp")
    for order in range(3):
        ship(order)

    monitor = vs.get_monitor()
    last = monitor.recent_calls()[-1]
    print(f"trace of {last.operation}: {last.trace_id}")
    # Prometheus asks for OpenMetrics by itself, with --enable-feature=exemplar-storage.
    for line in monitor.generate_latest(vs.Format.OPENMETRICS_1_0_0).decode().splitlines():
        if "trace_id" in line and 'operation="ship"' in line:
            print(line)

    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()  # sends what is still in its queue


if __name__ == "__main__":
    main()

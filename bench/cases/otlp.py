"""OpenTelemetry and Prometheus: a push of 1,000 operations, and a scrape of the SDK's metrics.

`push` on the command line pushes the same series by OTLP from vitalspan and from the SDK's
PeriodicExportingMetricReader, to a receiver in another process, over HTTP and without compression.
`reader` scrapes the same instruments through our reader and through
opentelemetry-exporter-prometheus.
"""

from __future__ import annotations

import functools
import gc
import math
import statistics
import subprocess
import sys
from typing import Any

import prometheus_client
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader as OfficialReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import vitalspan as vs
from cases.by_hand import BOUNDARIES
from cases.shop import Shop, durations
from harness import Effort, arguments, emit, pin, seconds
from vitalspan.bridge.otlp.exporter import OtlpExporter, make_transport
from vitalspan.bridge.otlp.registry_source import RegistrySource
from vitalspan.bridge.otlp.settings import OtlpSettings

OPERATIONS = 1000

RECEIVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class SdkTwin:
    """The series of a shop as instruments of the SDK, read from the shop's exposition."""

    def __init__(self, exposition: bytes, *readers: MetricReader) -> None:
        aggregation = ExplicitBucketHistogramAggregation(BOUNDARIES)
        view = View(instrument_name="operation_duration_seconds", aggregation=aggregation)
        self.provider = MeterProvider(readers, shutdown_on_exit=False, views=[view])
        self.meter = self.provider.get_meter("bench")
        self.past: dict[str, Any] = {}
        self.series = 0
        for family in text_string_to_metric_families(exposition.decode()):
            if family.name.startswith("operation_"):
                self._copy(family)

    def _copy(self, family: Any) -> None:
        if family.type == "histogram":
            self.histogram = self.meter.create_histogram(family.name, "", family.documentation)
            for sample in family.samples:
                if sample.name.endswith("_count"):
                    self.series += 1
                    self.past[sample.labels["operation"]] = dict(sample.labels)
                    values = durations(sample.labels["operation"])
                    for _ in range(int(sample.value)):
                        self.histogram.record(next(values), sample.labels)
            return
        counter = family.type == "counter"
        make = self.meter.create_counter if counter else self.meter.create_gauge
        instrument: Any = make(family.name, "", family.documentation)
        for sample in family.samples:
            self.series += 1
            (instrument.add if counter else instrument.set)(sample.value, sample.labels)

    def call(self) -> None:
        """Record one more call of every operation."""
        for labels in self.past.values():
            self.histogram.record(0.3, labels)


def timed(subjects: dict[str, tuple[Any, Any]], effort: Effort) -> dict[str, float]:
    """Median milliseconds of each subject's second callable; the first runs before it, untimed."""
    seen: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(3 if effort.quick else 15):
        for name, (before, subject) in subjects.items():
            before()
            gc.collect()
            seen[name].append(seconds(subject))
    return {name: statistics.median(times) * 1e3 for name, times in seen.items()}


def push(effort: Effort, count: int) -> dict[str, Any]:
    """Push the same series from both."""
    command = [sys.executable, "-c", RECEIVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        endpoint = f"http://127.0.0.1:{receiver.stdout.readline().strip()}/v1/metrics"
        pin(1)
        try:
            return _pushed(effort, count, endpoint)
        finally:
            receiver.terminate()


def _pushed(effort: Effort, count: int, endpoint: str) -> dict[str, Any]:
    shop = Shop(count)
    shop.fill()
    variables = {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    settings = OtlpSettings.from_environment(variables)
    clock = vs.SystemClock()
    source = RegistrySource(shop.registry)
    exporter = OtlpExporter([source], make_transport(settings, clock), settings, clock)

    def ours() -> None:
        exporter.export()
        exporter.send()

    sdk_exporter = OTLPMetricExporter(endpoint, compression=Compression.NoCompression)
    reader = PeriodicExportingMetricReader(sdk_exporter, export_interval_millis=math.inf)
    twin = SdkTwin(shop.scrape(), reader)
    both = timed({"vitalspan": (shop.call, ours), "sdk": (twin.call, reader.force_flush)}, effort)
    points = exporter.sender.points
    if points["rejected"] or points["dropped"] or not points["accepted"]:
        raise SystemExit(f"not everything arrived: {points}")
    both["series"] = twin.series
    twin.provider.shutdown()
    return {"push": {"value": both["vitalspan"] / both["sdk"], "detail": both}}


def reader(effort: Effort, count: int) -> dict[str, Any]:
    """Scrape the same instruments with both readers."""
    pin(1)
    shop = Shop(count)
    shop.fill()
    registry = CollectorRegistry()
    ours = vs.PrometheusMetricReader(registry=registry)
    official = OfficialReader()
    theirs = CollectorRegistry()
    prometheus_client.REGISTRY.unregister(official._collector)
    theirs.register(official._collector)
    twin = SdkTwin(shop.scrape(), ours, official)
    both = timed(
        {
            "vitalspan": (twin.call, functools.partial(vs.generate_latest, registry)),
            "official": (twin.call, functools.partial(prometheus_client.generate_latest, theirs)),
        },
        effort,
    )
    both["samples"] = vs.generate_latest(registry).count(b"\noperation_")
    return {"reader": {"value": both["vitalspan"] / both["official"], "detail": both}}


def main() -> None:
    """Measure the requested case."""
    effort, (which,) = arguments()
    count = OPERATIONS // 5 if effort.quick else OPERATIONS
    emit(figures={"push": push, "reader": reader}[which](effort, count))


if __name__ == "__main__":
    main()

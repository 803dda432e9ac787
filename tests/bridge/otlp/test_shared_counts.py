"""Several processes: one of them pushes the sum, and another one goes on when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge

import vitalspan as vs
from support.otlp_metrics import MetricsReceiver, metrics_of, run_http_metrics_receiver, texts
from support.waiting import wait_until
from vitalspan.bridge.otlp.exporter import OtlpExporter
from vitalspan.bridge.otlp.registry_source import RegistrySource
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.bridge.otlp.shared_counts import LedSource, worker_resource
from vitalspan.bridge.otlp.transport import Accepted

DURATIONS = "operation_duration_seconds"

WORKER = """
import sys, time
import vitalspan as vs
from prometheus_client import CollectorRegistry, Gauge

registry = CollectorRegistry()
Gauge("own", "help", registry=registry).set(1)
monitor = vs.Monitor(
    registry=registry,
    system_metrics=False,
    workers=sys.argv[1],
    publish_interval=0.1,
    tick_interval=0,
    metrics="otlp",
)
monitor.start()
for _ in range(10):
    with monitor.operation("f"):
        pass
print("ready", flush=True)
sys.stdin.read()
monitor.close()
"""


def instance_of(request: Any) -> str:
    return texts(request.resource_metrics[0].resource.attributes)["service.instance.id"]


def counts(receiver: MetricsReceiver) -> list[tuple[str, int]]:
    """The instances and the numbers of calls that were pushed, in their order."""
    return [
        (instance_of(request), metric.histogram.data_points[0].count)
        for request in list(receiver.requests)
        for metric in metrics_of(request)
        if metric.name == DURATIONS
    ]


def own_instances(receiver: MetricsReceiver) -> set[int]:
    """The process ids of the instances that pushed metrics of their own."""
    return {
        int(instance_of(request).rpartition(":")[2])
        for request in list(receiver.requests)
        for metric in metrics_of(request)
        if metric.name == "own"
    }


@pytest.mark.once
def test_a_worker_is_killed_in_the_middle(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    with run_http_metrics_receiver() as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
        }
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER, str(directory)],
                env={**os.environ, **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        try:
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            wait_until(lambda: any(count == 30 for _, count in counts(receiver)))
            wait_until(lambda: own_instances(receiver) == {one.pid for one in processes})
            leader = int((directory / "otlp-leader").read_text())
            os.kill(leader, signal.SIGKILL)
            [killed] = [one for one in processes if one.pid == leader]
            killed.wait()
            seen = len(counts(receiver))
            wait_until(lambda: len(counts(receiver)) > seen + 3)
            assert int((directory / "otlp-leader").read_text()) != leader
            for process in processes:
                if process is not killed:
                    process.communicate(timeout=60)
            pushed = counts(receiver)
        finally:
            for process in processes:
                process.kill()
                process.communicate()
    assert {instance.partition(":")[2] for instance, _ in pushed} == {str(directory)}
    numbers = [count for _, count in pushed]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 30


class Lead:
    """A lead that a test gives and takes away."""

    def __init__(self) -> None:
        self.held = True
        self.released = 0

    def acquire(self) -> bool:
        return self.held

    def release(self) -> None:
        self.released += 1


class Transport:
    def __init__(self) -> None:
        self.taken = 0

    def send(self, body: bytes, deadline: float) -> Accepted:
        self.taken += 1
        return Accepted()

    def abort(self) -> None:
        pass


def test_what_another_process_pushes_has_not_vanished(
    registry: CollectorRegistry, clock: vs.ManualClock
) -> None:
    Gauge("rooms", "help", registry=registry)
    lead, transport = Lead(), Transport()
    source = LedSource(RegistrySource(registry), lead)
    chosen = OtlpSettings.from_environment({})
    exporter = OtlpExporter([source], transport, chosen, clock, release=lead.release)
    exporter.start()
    for held, taken in ((True, 1), (False, 1), (True, 2)):
        lead.held = held
        exporter.export()
        exporter.send()
        assert transport.taken == taken
    exporter.close()
    assert lead.released == 1


def test_a_worker_has_an_identity_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(worker_resource({})["service.instance.id"]).endswith(f":{os.getpid()}")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=shop-1")
    assert worker_resource({})["service.instance.id"] == f"shop-1:{os.getpid()}"

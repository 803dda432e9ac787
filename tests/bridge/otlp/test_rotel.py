"""A real collector takes what is pushed, by HTTP and by gRPC, and hands all of it on."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.everything import Broken, do_everything
from support.otlp_decode import of_registry
from support.otlp_metrics import MetricsReceiver, metrics_of, run_http_metrics_receiver
from support.ports import free_port
from vitalspan.bridge.otlp.exporter import OtlpExporter, make_transport
from vitalspan.bridge.otlp.registry_source import RegistrySource
from vitalspan.bridge.otlp.settings import OtlpSettings


def rotel_agent() -> str:
    """The collector's program; without it the test is skipped, or fails if told to."""
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        if os.environ.get("VITALSPAN_NO_SKIP") == "1":
            pytest.fail("rotel is not installed")
        pytest.skip("rotel is not installed")
    return str(Path(found.origin).with_name("rotel-agent"))


@contextlib.contextmanager
def running_rotel(receiver: MetricsReceiver) -> Iterator[dict[str, str]]:
    """A collector that hands on to a receiver; yields its endpoints by protocol."""
    grpc, http = free_port(), free_port()
    command = [
        rotel_agent(),
        "start",
        f"--otlp-grpc-endpoint=127.0.0.1:{grpc}",
        f"--otlp-http-endpoint=127.0.0.1:{http}",
        "--exporter=otlp",
        f"--otlp-exporter-endpoint={receiver.endpoint}",
        "--otlp-exporter-protocol=http",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as agent:
        try:
            for port in (grpc, http):
                until = time.monotonic() + 60
                while True:
                    with contextlib.suppress(OSError):
                        socket.create_connection(("127.0.0.1", port), 1).close()
                        break
                    assert agent.poll() is None
                    assert time.monotonic() < until
                    time.sleep(0.02)
            yield {
                "grpc": f"http://127.0.0.1:{grpc}",
                "http/protobuf": f"http://127.0.0.1:{http}",
            }
        finally:
            agent.terminate()
            agent.wait(30)


@pytest.mark.once
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_hands_on_what_the_registry_held(
    monitor: vs.Monitor, registry: CollectorRegistry, clock: vs.ManualClock, protocol: str
) -> None:
    do_everything(monitor, clock)
    [broken] = [one for one in registry._collector_to_names if isinstance(one, Broken)]
    registry.unregister(broken)
    wanted = {metric.name: metric for metric in metrics_of(of_registry(registry))}
    with run_http_metrics_receiver() as receiver, running_rotel(receiver) as endpoints:
        chosen = OtlpSettings.from_environment({}, endpoint=endpoints[protocol], protocol=protocol)
        transport = make_transport(chosen, clock)
        exporter = OtlpExporter([RegistrySource(registry)], transport, chosen, clock)
        exporter.export()
        exporter.send()
        assert exporter.sender.points["rejected"] == exporter.sender.points["dropped"] == 0
        receiver.wait_for(1)
        got = {metric.name: metric for metric in receiver.metrics()}
    assert got.keys() == wanted.keys()
    for name, metric in wanted.items():
        kind = metric.WhichOneof("data")
        assert got[name].WhichOneof("data") == kind
        if name != "vitalspan_fold_seconds":
            points = getattr(metric, kind).data_points
            assert len(getattr(got[name], kind).data_points) == len(points)

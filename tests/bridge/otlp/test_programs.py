"""Programs that push their metrics: the settings, forks and the end, with real receivers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.otlp_metrics import (
    HANG,
    Answer,
    MetricsReceiver,
    run_grpc_metrics_receiver,
    run_http_metrics_receiver,
    texts,
)
from support.subprograms import FORKING, run_program

DURATIONS = "operation_duration_seconds"


@pytest.fixture
def receiver() -> Iterator[MetricsReceiver]:
    with run_http_metrics_receiver() as running:
        yield running


def resources(receiver: MetricsReceiver) -> list[dict[str, str]]:
    return [texts(request.resource_metrics[0].resource.attributes) for request in receiver.requests]


CALL = """
import vitalspan as vs

@vs.operation("checkout")
def checkout():
    pass
"""


@pytest.mark.parametrize(
    ("program", "variables"),
    [
        (f"{CALL}\nvs.configure(metrics='otlp')\ncheckout()", {}),
        (f"{CALL}\ncheckout()", {"VITALSPAN_METRICS": "otlp"}),
    ],
)
def test_the_last_values_are_pushed_when_a_program_ends(
    receiver: MetricsReceiver, program: str, variables: dict[str, str]
) -> None:
    output = run_program(
        program,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_SERVICE_NAME="shop",
        **variables,
    )
    assert output == ""
    [point] = receiver.points()[DURATIONS]
    assert texts(point.attributes) == {"component": "default", "operation": "checkout"}
    assert point.count == 1
    assert resources(receiver)[0]["service.name"] == "shop"
    assert receiver.headers[0]["path"] == "/v1/metrics"


def test_by_grpc() -> None:
    with run_grpc_metrics_receiver() as receiver:
        run_program(
            f"{CALL}\nvs.configure(metrics='otlp')\ncheckout()",
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        )
        assert receiver.points()[DURATIONS][0].count == 1


def test_a_child_pushes_its_own_counts_under_its_own_name(receiver: MetricsReceiver) -> None:
    program = f"""{CALL}
monitor = vs.configure(metrics="otlp")
checkout()
print(os.getpid())

def work():
    for _ in range(2):
        checkout()
    print(os.getpid())
    monitor.close()

in_child(work)
checkout()
"""
    output = run_program(
        FORKING + program,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
    )
    parent, child = output.split()
    counts = {}
    for request, resource in zip(receiver.requests, resources(receiver), strict=True):
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            if metric.name == DURATIONS:
                [point] = metric.histogram.data_points
                counts[resource["service.instance.id"].rpartition(":")[2]] = point.count
    assert counts == {parent: 2, child: 2}


def test_a_forked_child_pushes_at_its_interval(receiver: MetricsReceiver) -> None:
    program = f"""{CALL}
from support.waiting import wait_until
vs.configure(metrics="otlp")

def work():
    checkout()
    accepted = 'vitalspan_otlp_requests_total{{result="accepted"}} '
    wait_until(lambda: float(vs.generate_latest().decode().split(accepted)[1].split()[0]) >= 1)
    print(os.getpid())

in_child(work)
"""
    child = run_program(
        FORKING + program,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_METRIC_EXPORT_INTERVAL="50",
    )
    instances = {one["service.instance.id"].rpartition(":")[2] for one in resources(receiver)}
    assert child.strip() in instances


def test_a_receiver_that_hangs_does_not_keep_a_program(receiver: MetricsReceiver) -> None:
    receiver.answers.append(Answer(HANG))
    program = f"""{CALL}
import logging
logging.basicConfig(stream=sys.stdout)
vs.configure(metrics="otlp")
checkout()
"""
    output = run_program(
        program,
        seconds=60,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_TIMEOUT="0.2",
    )
    assert ": timed out" in output


def test_a_disabled_sdk_pushes_nothing(receiver: MetricsReceiver) -> None:
    program = f"""{CALL}
vs.configure(metrics="otlp")
checkout()
print(b"{DURATIONS}_count" in vs.generate_latest())
"""
    output = run_program(
        program, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, OTEL_SDK_DISABLED="true"
    )
    assert output == "True\n"
    assert receiver.requests == []


def test_a_refused_variable_changes_nothing() -> None:
    program = """
monitor = vs.get_monitor()
try:
    vs.configure(metrics="otlp", component="changed")
except vs.ConfigurationError as refused:
    print(refused)
with vs.operation("f"):
    pass
print(b'component="changed"' in vs.generate_latest())
"""
    output = run_program(program, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta")
    assert output.splitlines()[0].startswith("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=")
    assert output.endswith("False\n")


def test_the_setting_is_taken_back(receiver: MetricsReceiver) -> None:
    program = f"""{CALL}
checkout()
vs.configure(metrics="otlp")
checkout()
vs.configure(metrics="")
checkout()
print(b"vitalspan_otlp_waiting_bytes" in vs.generate_latest())
"""
    output = run_program(program, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert output == "False\n"
    assert [point.count for point in receiver.points()[DURATIONS]] == [2]


def test_what_is_pushed_is_counted(receiver: MetricsReceiver) -> None:
    program = f"""{CALL}
from support.waiting import wait_until
vs.configure(metrics="otlp")
checkout()
accepted = 'vitalspan_otlp_requests_total{{result="accepted"}} '
def is_accepted():
    text = vs.generate_latest().decode()
    return accepted in text and float(text.split(accepted)[1].split()[0]) > 0
wait_until(is_accepted)
print("accepted")
"""
    output = run_program(
        program,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_METRIC_EXPORT_INTERVAL="20",
    )
    assert output == "accepted\n"


def test_importing_and_recording_import_no_exporter() -> None:
    program = """
with vs.operation("f"):
    pass
vs.generate_latest()
loaded = [name for name in sys.modules if name.startswith(("vitalspan.bridge.otlp", "h2", "grpc"))]
print(sorted(loaded))
"""
    # The module that imports the others when they are asked for, and its package.
    assert (
        run_program(program) == "['vitalspan.bridge.otlp', 'vitalspan.bridge.otlp.metrics_push']\n"
    )

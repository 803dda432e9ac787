from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vitalspan
from support.otlp_receiver import Receiver, run_grpc_receiver, run_http_receiver

SOURCE = str(Path(vitalspan.__file__).parents[1])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An OTLP receiver by HTTP."""
    with run_http_receiver() as received:
        yield received


@pytest.fixture
def grpc_receiver() -> Iterator[Receiver]:
    """An OTLP receiver by gRPC."""
    with run_grpc_receiver() as received:
        yield received


def run_program(program: str, **environment: str) -> str:
    """Run a program in an interpreter of its own; return its output, of both kinds."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "VITALSPAN_"))
    }
    path = os.pathsep.join([SOURCE, *filter(None, [inherited.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**inherited, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


CALL = """
import vitalspan as vs

vs.configure(tracing="otlp")

@vs.operation("checkout", attributes={"tier": "gold"})
def checkout():
    pass

checkout()
"""


@pytest.mark.parametrize(
    ("environment", "service"),
    [
        ({"OTEL_SERVICE_NAME": "shop"}, "shop"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=store,service.version=7"}, "store"),
        ({"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "service.name=x"}, "shop"),
    ],
)
def test_spans_arrive_by_http(
    receiver: Receiver, environment: dict[str, str], service: str
) -> None:
    assert run_program(CALL, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **environment) == ""
    assert receiver.spans["checkout"]["service.name"] == service
    assert receiver.attributes["checkout"]["tier"] == "gold"
    assert receiver.paths == ["/v1/traces"]
    if "service.version" in str(environment):
        assert receiver.spans["checkout"]["service.version"] == "7"


def test_an_endpoint_for_traces_alone(receiver: Receiver) -> None:
    run_program(CALL, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{receiver.endpoint}/own/path")
    assert receiver.paths == ["/own/path"]
    assert "checkout" in receiver.spans


@pytest.mark.parametrize(
    "protocol",
    [
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        },
    ],
)
def test_spans_arrive_by_grpc(grpc_receiver: Receiver, protocol: dict[str, str]) -> None:
    run_program(
        CALL,
        OTEL_EXPORTER_OTLP_ENDPOINT=grpc_receiver.endpoint,
        OTEL_SERVICE_NAME="shop",
        **protocol,
    )
    assert grpc_receiver.spans["checkout"]["service.name"] == "shop"


def test_operations_defined_before_are_traced(receiver: Receiver) -> None:
    program = """
import vitalspan as vs

@vs.operation("early")
def early():
    pass

early()
assert vs.get_monitor().recent_calls()[-1].trace_id is None
assert vs.configure(tracing="otlp") is vs.get_monitor()
early()
print(vs.get_monitor().recent_calls()[-1].trace_id is not None)
"""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    assert run_program(program, **environment) == "True\n"
    assert set(receiver.spans) == {"early"}


def test_the_samplers_variable_is_heard(receiver: Receiver) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    run_program(CALL, OTEL_TRACES_SAMPLER="always_off", **environment)
    assert receiver.spans == {}


def test_an_existing_provider_stays(receiver: Receiver) -> None:
    program = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from vitalspan.bridge import tracer_provider as tracing
import vitalspan as vs

mine = TracerProvider()
trace.set_tracer_provider(mine)
vs.configure(tracing="otlp")
assert trace.get_tracer_provider() is mine
print(tracing.set_up("otlp"), mine._active_span_processor._span_processors)
with vs.operation("f"):
    pass
"""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    assert run_program(program, **environment) == "False ()\n"
    assert receiver.spans == {}


def test_a_provider_named_by_a_variable_stays(receiver: Receiver) -> None:
    program = """
from vitalspan.bridge import tracer_provider as tracing
from opentelemetry import trace

print(tracing.set_up("otlp"), type(trace.get_tracer_provider()).__module__)
"""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    output = run_program(program, OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider", **environment)
    assert output == "False opentelemetry.sdk.trace\n"


def test_a_second_time_changes_nothing(receiver: Receiver) -> None:
    program = """
from vitalspan.bridge import tracer_provider as tracing

print(tracing.set_up("otlp"), tracing.set_up("otlp"))
"""
    assert run_program(program, OTEL_TRACES_SAMPLER="always_off") == "True False\n"


def test_a_disabled_sdk_makes_no_spans(receiver: Receiver) -> None:
    program = (
        CALL
        + """
checkout()
print(vs.get_monitor().recent_calls()[-1].trace_id)
print(b"operation_duration_seconds_count" in vs.generate_latest())
"""
    )
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    output = run_program(program, OTEL_SDK_DISABLED="true", **environment)
    assert output.endswith("None\nTrue\n")
    assert receiver.spans == {}


@pytest.mark.parametrize("tracing", ["OTLP", "zipkin", "", "otlp "])
def test_an_unknown_word(tracing: str) -> None:
    from vitalspan.bridge.tracer_provider import set_up

    with pytest.raises(vitalspan.ConfigurationError, match="use tracing='otlp'"):
        set_up(tracing)


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL='http/json'"),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "udp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL='udp'",
        ),
    ],
)
def test_an_unknown_protocol(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], variable: str
) -> None:
    from vitalspan.bridge.tracer_provider import set_up

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(vitalspan.ConfigurationError) as caught:
        set_up("otlp")
    assert str(caught.value) == f"{variable} is not supported: use http/protobuf or grpc"


@pytest.mark.parametrize(("protocol", "extra"), [("", "otlp"), ("grpc", "otlp-grpc")])
def test_a_missing_extra(monkeypatch: pytest.MonkeyPatch, protocol: str, extra: str) -> None:
    from vitalspan.bridge.tracer_provider import set_up

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    for kind in ("http", "grpc"):
        # None in sys.modules makes an import fail.
        module = f"opentelemetry.exporter.otlp.proto.{kind}.trace_exporter"
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(vitalspan.MissingExtraError, match="pip install") as caught:
        set_up("otlp")
    assert str(caught.value).endswith(f"run  pip install 'vitalspan[{extra}]'")
    assert isinstance(caught.value, ImportError)


def test_importing_and_recording_load_no_sdk() -> None:
    program = """
import sys
import vitalspan as vs

with vs.operation("f"):
    pass
vs.generate_latest()
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "grpc"))])
"""
    assert run_program(program) == "[]\n"


def test_nothing_is_changed_by_a_refused_configure() -> None:
    program = """
import vitalspan as vs

vs.get_monitor()
try:
    vs.configure(tracing="zipkin", component="changed")
except vs.ConfigurationError:
    pass
with vs.operation("f"):
    pass
print(b'component="changed"' in vs.generate_latest())
"""
    assert run_program(program) == "False\n"

"""The bridge: processes that nobody can change, scraped and pushed."""

from __future__ import annotations

import gzip
import io
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

import vitalspan as vs
from support.otlp_metrics import (
    Answer,
    MetricsReceiver,
    run_grpc_metrics_receiver,
    run_http_metrics_receiver,
    texts,
)
from support.subprograms import COMMAND
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.bridge.scrape.bridge import Bridge
from vitalspan.bridge.scrape.scrape_target import ScrapeTarget
from vitalspan.cli.main import main


@pytest.fixture
def receiver() -> Iterator[MetricsReceiver]:
    with run_http_metrics_receiver() as running:
        yield running


@pytest.fixture
def target(registry: CollectorRegistry) -> Iterator[str]:
    """The address of a process with some metrics."""
    Gauge("rooms", "help", ["floor"], registry=registry).labels("1").set(3)
    Counter("orders", "help", registry=registry).inc(2)
    Histogram("size", "help", registry=registry, buckets=(1, 5)).observe(3)
    registry.set_target_info({"service_version": "7"})
    with vs.start_http_server(port=0, registry=registry) as server:
        yield f"{server.url}"


def resource(receiver: MetricsReceiver, index: int = -1) -> dict[str, Any]:
    attributes = receiver.requests[index].resource_metrics[0].resource.attributes
    return {
        one.key: one.value.string_value
        if one.value.HasField("string_value")
        else one.value.int_value
        for one in attributes
    }


def run_once(receiver: MetricsReceiver, *arguments: str) -> int:
    return main(["bridge", "--once", "--otlp", receiver.endpoint, *arguments])


def test_a_target_is_scraped_and_pushed(
    receiver: MetricsReceiver, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_once(receiver, "--scrape", target, "--service", "shop") == 0
    points = receiver.points()
    assert texts(points["rooms"][0].attributes) == {"floor": "1"}
    assert points["rooms"][0].as_double == 3
    assert points["orders_total"][0].as_double == 2
    assert list(points["size"][0].bucket_counts) == [0, 1, 0]
    assert points["up"][0].as_double == 1
    assert "target_info" not in points
    [host, port] = target.removeprefix("http://").partition("/")[0].split(":")
    assert resource(receiver) == {
        "service.name": "shop",
        "service.instance.id": f"{host}:{port}",
        "server.address": host,
        "server.port": int(port),
        "url.scheme": "http",
        "service_version": "7",
    }
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("scraped 1 of 1; data points: ")
    assert captured.err.endswith(" accepted\n")


def test_by_grpc(target: str) -> None:
    with run_grpc_metrics_receiver() as receiver:
        assert run_once(receiver, "--protocol", "grpc", "--scrape", target) == 0
        assert "rooms" in receiver.points()


def test_several_targets_are_requests_of_their_own(
    receiver: MetricsReceiver, target: str, registry: CollectorRegistry
) -> None:
    with vs.start_http_server(port=0, registry=registry) as other:
        assert run_once(receiver, "--scrape", target, other.url) == 0
    ids = {resource(receiver, index)["service.instance.id"] for index in (0, 1)}
    assert len(ids) == len(receiver.requests) == 2


def test_one_that_is_away(
    receiver: MetricsReceiver, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    away = "http://127.0.0.1:1/metrics"
    with pytest.raises(SystemExit) as ended:
        run_once(receiver, "--scrape", away, target)
    assert ended.value.code == 1
    assert [one.as_double for one in receiver.points()["up"]] == [0, 1]
    error = capsys.readouterr().err
    assert "http://127.0.0.1:1/...: ConnectionRefusedError" in error
    assert "scraped 1 of 2" in error


def test_a_receiver_that_is_away(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bridge", "--once", "--otlp", "http://127.0.0.1:1", "--scrape", target]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1
    assert "dropped" in capsys.readouterr().err


EXPOSITION = """# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="get"} 1027 1395066363000
# TYPE bare counter
bare 3
# TYPE size histogram
size_bucket{le="1"} 2
size_bucket{le="+Inf"} 3
size_sum 4.5
size_count 3
# TYPE wait summary
wait{quantile="0.5"} 0.25
wait_sum 9
wait_count 4
# TYPE target_info gauge
target_info{service_version="7"} 1
"""

OPENMETRICS = """# TYPE orders counter
# UNIT orders_seconds seconds
orders_total 3 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 1 1600000000
orders_created 1600000000
# TYPE now gaugehistogram
now_bucket{le="+Inf"} 3
now_gcount 3
now_gsum 4
# EOF
""".replace("# UNIT orders_seconds seconds\n", "")


CUT_OFF = gzip.compress(b"m 1\n" * 99, mtime=0)[:-9]
"""A compressed body without its end, the same each time."""


class TestPreview:
    def test_a_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "metrics.txt"
        file.write_text(EXPOSITION)
        assert main(["bridge", "--once", "--file", str(file), "--service", "shop"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert "service.name='shop', service_version='7'" in lines[0]
        assert lines[2:] == [
            "  http_requests_total: counter as monotonic sum",
            "    {method='get'} 1027.0 at 2014-03-17T14:26:03.000Z",
            "  bare: counter as monotonic sum",
            "    {} 3.0",
            "  size: histogram as histogram",
            "    {} count 3, sum 4.5, buckets <=1: 2, <=+Inf: 1",
            "  wait: summary as summary",
            "    {} count 4, sum 9, 0.5: 0.25",
        ]

    def test_openmetrics(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "metrics.txt"
        file.write_text(OPENMETRICS)
        assert main(["bridge", "--once", "--file", str(file)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[2:] == [
            "  orders_total: counter as monotonic sum",
            "    {} 3.0 since 2020-09-13T12:26:40.000Z with 1 exemplar",
            "left out: 1 metric without a counterpart in OpenTelemetry",
        ]

    def test_standard_input(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("up 1\n"))
        assert main(["bridge", "--once", "--file", "-"]) == 0
        assert "up: unknown as gauge" in capsys.readouterr().out

    def test_a_target(self, target: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["bridge", "--once", "--scrape", target]) == 0
        assert "rooms: gauge as gauge" in capsys.readouterr().out

    def test_a_target_that_is_away(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["bridge", "--once", "--scrape", "http://127.0.0.1:1"])
        captured = capsys.readouterr()
        assert "{} 0.0" in captured.out
        assert "ConnectionRefusedError" in captured.err

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("<html>", "does not contain metrics"),
            ("a{ 1", "does not contain metrics"),
            (b"\xff", "not UTF-8"),
        ],
    )
    def test_a_file_that_is_none(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, hint: str
    ) -> None:
        file = tmp_path / "metrics.txt"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        assert main(["bridge", "--once", "--file", str(file)]) == 1
        assert hint in capsys.readouterr().err

    def test_a_file_that_is_not_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["bridge", "--once", "--file", "/no/such/file"]) == 1
        assert "/no/such/file: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "--scrape"),
        (["--scrape", "http://a", "--file", "b"], "--scrape"),
        (["--file", "b"], "--once"),
        (["--scrape", "http://a"], "--otlp"),
        (["--once", "--scrape", "ftp://a"], "http:// or https://"),
        (["--scrape", "http://a", "--otlp", "ftp://b"], "http:// or https://"),
    ],
)
def test_arguments_that_cannot_be(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bridge", *arguments]) == 1
    assert hint in capsys.readouterr().err


class TestRounds:
    def test_a_target_that_goes_and_comes_back(
        self, receiver: MetricsReceiver, registry: CollectorRegistry, clock: vs.ManualClock
    ) -> None:
        Gauge("rooms", "help", registry=registry).set(1)
        said: list[str] = []
        server = vs.start_http_server(port=0, registry=registry)
        target = ScrapeTarget(server.url, service=None, timeout=10)
        settings = OtlpSettings.from_environment({}, endpoint=receiver.endpoint)
        bridge = Bridge([target], settings, said.append)
        assert bridge.run_once()
        server.close()
        assert not bridge.run_once()
        assert not bridge.run_once()
        with vs.start_http_server(port=server.port, registry=registry):
            assert bridge.run_once()
        rooms = receiver.points()["rooms"]
        assert [(one.as_double, one.flags) for one in rooms] == [(1, 0), (0, 1), (1, 0)]
        assert [one.as_double for one in receiver.points()["up"]] == [1, 0, 0, 1]
        gone = [line for line in said if not line.startswith("scraped")]
        assert len(gone) == 2
        assert gone[1].endswith("can be scraped again")

    def test_rounds_go_on_until_the_end(self, receiver: MetricsReceiver, target: str) -> None:
        said: list[str] = []
        stop = threading.Event()
        source = ScrapeTarget(target, service=None, timeout=10)
        settings = OtlpSettings.from_environment({}, endpoint=receiver.endpoint)
        receiver.answers.append(Answer(503))
        bridge = Bridge([source], settings, said.append)
        thread = threading.Thread(target=bridge.run, args=(0.05, stop))
        thread.start()
        receiver.wait_for(3)
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
        assert "wait" in said[0]
        assert "wait" not in said[-1]

    def test_the_command_ends_by_a_signal(self, receiver: MetricsReceiver, target: str) -> None:
        command = [
            *COMMAND,
            *("bridge", "--scrape", target, "--otlp", receiver.endpoint, "--interval", "1s"),
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
            receiver.wait_for(2)
            running.send_signal(signal.SIGTERM)
            _, error = running.communicate(timeout=60)
        assert running.returncode == 0
        assert error.startswith(f"pushing to {receiver.endpoint}; Ctrl-C stops\n")


class TestScraping:
    @pytest.mark.parametrize(
        ("status", "headers", "body", "hint"),
        [
            (404, {}, b"", "answered 404"),
            (200, {"Content-Type": "text/html"}, b"<html>\n", "does not contain metrics"),
            (200, {"Content-Encoding": "gzip"}, b"plain", "not compressed"),
            (200, {"Content-Encoding": "gzip"}, CUT_OFF, "too early"),
            (200, {"Content-Encoding": "gzip"}, b"", "too early"),
            (200, {}, b"\xff", "does not contain metrics"),
        ],
    )
    def test_answers_that_are_no_exposition(
        self, status: int, headers: dict[str, str], body: bytes, hint: str
    ) -> None:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            url = f"http://127.0.0.1:{server.server_port}"
            target = ScrapeTarget(url, service=None, timeout=10)
            target.scrape()
            server.shutdown()
            thread.join()
        assert target.error is not None
        assert hint in target.error

    @pytest.mark.parametrize("host", ["a..b", "ü" * 70])
    def test_a_host_that_cannot_be(self, host: str) -> None:
        target = ScrapeTarget(f"http://{host}", service=None, timeout=10)
        target.scrape()
        assert "host name" in (target.error or "")

    def test_one_that_was_not_scraped_is_down(self) -> None:
        target = ScrapeTarget("http://a", service=None, timeout=10)
        [(_, points)] = [metric for metrics in target.read(1).batch.values() for metric in metrics]
        assert [point.value for point in points] == [0.0]

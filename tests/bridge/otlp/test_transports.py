"""Both transports beside receivers that answer well, badly or not at all."""

from __future__ import annotations

import contextlib
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any as Detail
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from support.certificates import Authority
from support.otlp_decode import converted
from support.otlp_metrics import (
    HANG,
    RESET,
    Answer,
    MetricsReceiver,
    ServerFiles,
    partial,
    run_grpc_metrics_receiver,
    run_http_metrics_receiver,
)
from vitalspan.bridge.otlp.export_requests import requests_of
from vitalspan.bridge.otlp.exporter import make_transport
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.bridge.otlp.transport import Accepted, ExportError, Transport
from vitalspan.clock import SystemClock

SECONDS = 30.0


@pytest.fixture
def http() -> Iterator[MetricsReceiver]:
    with run_http_metrics_receiver() as receiver:
        yield receiver


@pytest.fixture
def grpc() -> Iterator[MetricsReceiver]:
    with run_grpc_metrics_receiver() as receiver:
        yield receiver


@pytest.fixture(params=["http/protobuf", "grpc"])
def either(request: pytest.FixtureRequest) -> tuple[MetricsReceiver, str]:
    """A receiver by one of the protocols, and the protocol."""
    name = "grpc" if request.param == "grpc" else "http"
    return request.getfixturevalue(name), request.param


def transport(endpoint: str, protocol: str = "http/protobuf", **variables: str) -> Transport:
    environ = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    settings = OtlpSettings.from_environment(environ, endpoint=endpoint, protocol=protocol)
    return make_transport(settings, SystemClock())


def body(points: int = 1, *, compressed: bool = True) -> bytes:
    from prometheus_client.core import GaugeMetricFamily

    metric = GaugeMetricFamily("m", "h", labels=["a"])
    for number in range(points):
        metric.add_metric([f"a value of some length, so that there is a lot of it: {number}"], 1)
    [request] = requests_of(converted(metric).batch(), {"service.name": "shop"}, 2**30)
    return gzip.compress(request.body) if compressed else request.body


def send(sender: Transport, data: bytes | None = None, seconds: float = SECONDS) -> Accepted:
    return sender.send(body() if data is None else data, time.perf_counter() + seconds)


def refused(sender: Transport, seconds: float = SECONDS) -> ExportError:
    with pytest.raises(ExportError) as caught:
        send(sender, seconds=seconds)
    return caught.value


def test_a_request_arrives(either: tuple[MetricsReceiver, str]) -> None:
    receiver, protocol = either
    assert send(transport(receiver.endpoint, protocol)) == (0, "")
    assert len(receiver.points()["m"]) == 1


def test_a_request_without_compression(either: tuple[MetricsReceiver, str]) -> None:
    receiver, protocol = either
    send(transport(receiver.endpoint, protocol, COMPRESSION="none"), body(compressed=False))
    assert len(receiver.points()["m"]) == 1


def test_a_request_larger_than_every_window(either: tuple[MetricsReceiver, str]) -> None:
    receiver, protocol = either
    data = body(20_000, compressed=False)
    assert len(data) > 2**20
    send(transport(receiver.endpoint, protocol, COMPRESSION="none"), data)
    assert len(receiver.points()["m"]) == 20_000


def test_partial_success(either: tuple[MetricsReceiver, str]) -> None:
    receiver, protocol = either
    ok = 0 if protocol == "grpc" else 200
    receiver.answers.append(Answer(ok, body=partial(3, "too old")))
    assert send(transport(receiver.endpoint, protocol)) == (3, "too old")


def test_headers_and_metadata(either: tuple[MetricsReceiver, str]) -> None:
    receiver, protocol = either
    send(transport(receiver.endpoint, protocol, HEADERS="X-Key=s%20x,b=2"))
    headers = receiver.headers[0]
    assert (headers["x-key"], headers["b"]) == ("s x", "2")
    assert headers["user-agent"].startswith("vitalspan/")


@pytest.mark.parametrize(
    "headers",
    [
        "x=J%C3%BCrgen",
        "x=%20spaced%09",
        "host=elsewhere",
        "HOST=elsewhere,Content-Length=1,transfer-encoding=chunked,TE=gzip,connection=upgrade",
        "user-agent=%20mine,content-type=text/plain,content-encoding=br",
    ],
)
def test_headers_that_would_break_a_request(
    either: tuple[MetricsReceiver, str], headers: str
) -> None:
    receiver, protocol = either
    if "%C3" in headers and protocol == "grpc":
        # Metadata has to be ASCII: what a server makes of others is its own affair.
        with contextlib.suppress(ExportError):
            send(transport(receiver.endpoint, protocol, HEADERS=headers))
        return
    assert send(transport(receiver.endpoint, protocol, HEADERS=headers)) == (0, "")
    [received] = receiver.headers
    assert "elsewhere" not in received.values()
    assert received.get("x", "spaced") in ("spaced", "Jürgen")


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "ü" * 70])
def test_a_host_that_cannot_be(host: str, either: tuple[MetricsReceiver, str]) -> None:
    _, protocol = either
    error = refused(transport(f"http://{host}:1", protocol))
    assert error.again
    assert "host name" in str(error)


def test_a_header_that_h11_refuses(http: MetricsReceiver) -> None:
    sender = transport(http.endpoint)
    sender._headers["x"] = "secret\x00"  # type: ignore[attr-defined]
    error = refused(sender)
    assert (str(error), error.again) == ("the URL or a header cannot be sent", False)


def test_a_receiver_that_hangs(either: tuple[MetricsReceiver, str]) -> None:
    receiver, protocol = either
    receiver.answers.append(Answer(HANG))
    error = refused(transport(receiver.endpoint, protocol), seconds=0.2)
    assert error.again
    assert "timed out" in str(error) or "DEADLINE_EXCEEDED" in str(error)


def test_nobody_listens(either: tuple[MetricsReceiver, str]) -> None:
    _, protocol = either
    error = refused(transport("http://127.0.0.1:1", protocol))
    assert error.again
    assert "refused" in str(error)


def test_no_time_is_left(either: tuple[MetricsReceiver, str]) -> None:
    receiver, protocol = either
    error = refused(transport(receiver.endpoint, protocol), seconds=-1)
    assert (str(error), error.again) == ("timed out", True)


def test_a_request_is_aborted_from_another_thread(either: tuple[MetricsReceiver, str]) -> None:
    import threading

    receiver, protocol = either
    receiver.answers.append(Answer(HANG))
    sender = transport(receiver.endpoint, protocol)
    errors: list[ExportError] = []
    thread = threading.Thread(target=lambda: errors.append(refused(sender)))
    thread.start()
    while not receiver.headers:
        time.sleep(0.001)
    sender.abort()
    thread.join(20)
    assert [error.again for error in errors] == [True]
    sender.abort()


def test_aborting_nothing(either: tuple[MetricsReceiver, str]) -> None:
    receiver, protocol = either
    transport(receiver.endpoint, protocol).abort()


class TestHttp:
    @pytest.mark.parametrize(
        ("status", "again"),
        [(429, True), (502, True), (503, True), (504, True)]
        + [(status, False) for status in (301, 400, 401, 404, 413, 500, 501)],
    )
    def test_statuses(self, http: MetricsReceiver, status: int, again: bool) -> None:
        http.answers.append(Answer(status, body=b"why"))
        error = refused(transport(http.endpoint))
        assert (str(error), error.again) == (f"answered {status}: why", again)
        assert error.too_large is (status == 413)

    def test_retry_after_in_seconds(self, http: MetricsReceiver) -> None:
        http.answers.append(Answer(503, {"Retry-After": "17"}))
        assert refused(transport(http.endpoint)).wait == 17.0

    def test_retry_after_as_a_date(self, http: MetricsReceiver) -> None:
        http.answers.append(Answer(503, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}))
        assert refused(transport(http.endpoint)).wait > 1e9

    @pytest.mark.parametrize("text", ["soon", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
    def test_a_retry_after_that_says_nothing(self, http: MetricsReceiver, text: str) -> None:
        http.answers.append(Answer(503, {"Retry-After": text}))
        assert refused(transport(http.endpoint)).wait == 0.0

    def test_a_reset(self, http: MetricsReceiver) -> None:
        http.answers.append(Answer(RESET))
        assert refused(transport(http.endpoint)).again

    def test_an_answer_that_is_no_message_is_an_acceptance(self, http: MetricsReceiver) -> None:
        http.answers.append(Answer(200, body=b"OK, thank you"))
        assert send(transport(http.endpoint)) == (0, "")

    def test_what_is_not_printable_is_not_shown(self, http: MetricsReceiver) -> None:
        http.answers.append(Answer(400, body=b"\x00\x01\x1b[31m"))
        assert str(refused(transport(http.endpoint))) == "answered 400"

    def test_the_path(self, http: MetricsReceiver) -> None:
        send(transport(f"{http.endpoint}/collector"))
        assert http.headers[0]["path"] == "/collector/v1/metrics"
        assert http.headers[0]["content-type"] == "application/x-protobuf"
        assert http.headers[0]["content-encoding"] == "gzip"


def details(delay: Duration | None) -> bytes:
    status = Status(code=8, message="busy")
    other = Detail()
    other.Pack(Duration(seconds=1))
    status.details.append(other)
    if delay is not None:
        packed = Detail()
        packed.Pack(RetryInfo(retry_delay=delay))
        status.details.append(packed)
    return bytes(status.SerializeToString())


class TestGrpc:
    @pytest.mark.parametrize("status", range(1, 17))
    def test_statuses(self, grpc: MetricsReceiver, status: int) -> None:
        grpc.answers.append(Answer(status, {"message": "why ü"}))
        error = refused(transport(grpc.endpoint, "grpc"))
        assert error.again is (status in (1, 4, 10, 11, 14, 15))
        assert str(error).startswith("answered ")
        assert str(error).endswith(": why ü")

    @pytest.mark.parametrize("status", [8, 14])
    def test_retry_info(self, grpc: MetricsReceiver, status: int) -> None:
        grpc.answers.append(Answer(status, body=details(Duration(seconds=2, nanos=500_000_000))))
        error = refused(transport(grpc.endpoint, "grpc"))
        assert (error.again, error.wait) == (True, 2.5)

    def test_details_without_retry_info(self, grpc: MetricsReceiver) -> None:
        grpc.answers.append(Answer(8, body=details(None)))
        error = refused(transport(grpc.endpoint, "grpc"))
        assert (error.again, error.wait) == (False, 0.0)

    def test_a_request_that_is_too_large(self, grpc: MetricsReceiver) -> None:
        data = body(50_000, compressed=False)
        with pytest.raises(ExportError) as caught:
            send(transport(grpc.endpoint, "grpc", COMPRESSION="none"), data)
        assert caught.value.too_large
        assert not caught.value.again

    def test_a_proxy_that_answers_instead(self, http: MetricsReceiver) -> None:
        error = refused(transport(http.endpoint, "grpc"))
        assert error.again

    def test_headers_of_an_answer_that_are_not_utf_8(self) -> None:
        import socket
        import threading

        from h2.config import H2Configuration
        from h2.connection import H2Connection

        def answer(listener: socket.socket) -> None:
            peer, _ = listener.accept()
            with peer:
                connection = H2Connection(H2Configuration(client_side=False))
                connection.initiate_connection()
                ended = False
                while not ended:
                    for event in connection.receive_data(peer.recv(65536)):
                        ended = ended or type(event).__name__ == "StreamEnded"
                headers = [(":status", "200"), ("grpc-status", "3"), ("grpc-message", b"J\xfcrgen")]
                connection.send_headers(1, headers, end_stream=True)
                peer.sendall(connection.data_to_send())
                while peer.recv(65536):
                    pass

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=answer, args=(listener,))
            thread.start()
            error = refused(transport(f"http://127.0.0.1:{listener.getsockname()[1]}", "grpc"))
            thread.join(20)
        assert (str(error), error.again) == ("answered gRPC status 3: J\ufffdrgen", False)

    def test_a_missing_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        import vitalspan as vs

        monkeypatch.setitem(sys.modules, "h2.connection", None)
        with pytest.raises(vs.MissingExtraError, match=r"vitalspan\[otlp-grpc\]"):
            transport("http://localhost:1", "grpc")


class TestTls:
    """A receiver that wants a client's certificate, by gRPC and by HTTP."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    @pytest.fixture(params=["http/protobuf", "grpc"])
    def secure(
        self, request: pytest.FixtureRequest, authority: Authority
    ) -> Iterator[tuple[MetricsReceiver, str]]:
        files = authority.issue("server", "localhost")
        run = run_grpc_metrics_receiver if request.param == "grpc" else run_http_metrics_receiver
        with run(ServerFiles(*files, authority.file)) as receiver:
            yield receiver, request.param

    def test_with_certificates(
        self, secure: tuple[MetricsReceiver, str], authority: Authority
    ) -> None:
        receiver, protocol = secure
        certificate, key = authority.issue("client", "client")
        sender = transport(
            receiver.endpoint,
            protocol,
            CERTIFICATE=str(authority.file),
            CLIENT_CERTIFICATE=str(certificate),
            CLIENT_KEY=str(key),
        )
        send(sender)
        assert len(receiver.points()["m"]) == 1

    def test_a_receiver_that_is_not_trusted(self, secure: tuple[MetricsReceiver, str]) -> None:
        receiver, protocol = secure
        error = refused(transport(receiver.endpoint, protocol))
        assert str(error).startswith("the certificate is not trusted: ")

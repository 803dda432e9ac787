"""OTLP over gRPC: one unary call per request, each on its own HTTP/2 connection.

gRPC's own library runs threads that do not survive a fork and cannot be stopped at once. One call
per minute only needs the framing, which h2 provides. The protocol is described in
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import struct
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from vitalspan.bridge.otlp.transport import Accepted, ExportError, read_response
from vitalspan.bridge.protobuf_reader import read_fields
from vitalspan.errors import MissingExtraError
from vitalspan.http_client.connection import Connection, HttpError
from vitalspan.http_client.target import HttpTarget

if TYPE_CHECKING:
    from h2.connection import H2Connection

_METHOD: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

_OK: Final = 0
_RESOURCE_EXHAUSTED: Final = 8
_AGAIN: Final = {
    1: "CANCELLED",
    4: "DEADLINE_EXCEEDED",
    10: "ABORTED",
    11: "OUT_OF_RANGE",
    14: "UNAVAILABLE",
    15: "DATA_LOSS",
}
"""The status codes that allow a retry (OTLP specification, "Failures")."""

_AGAIN_OVER_HTTP: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""The HTTP codes that gRPC treats as UNAVAILABLE, if an intermediary responds."""

_MAX_ANSWER: Final = 4 * 2**20
_MAX_SHOWN: Final = 200
_NOT_SENT: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "grpc-encoding",
        "grpc-timeout",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
"""Headers that a call has anyway, and those that HTTP/2 forbids."""


def require() -> None:
    """Check that the library for HTTP/2 is installed.

    Raises:
        MissingExtraError: if h2 is not installed.
    """
    try:
        import h2.connection  # noqa: F401, PLC0415 - only who exports by gRPC needs it
    except ImportError:
        raise MissingExtraError("exporting metrics over gRPC", "otlp-grpc") from None


class _Call:
    """The part of a call's response that has arrived."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.ended = False

    def take(self, event: Any) -> None:
        """Handle an event of the connection."""
        import h2.events  # noqa: PLC0415 - `require` has been asked

        if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
            self.headers.update((_text(name), _text(value)) for name, value in event.headers)
        elif isinstance(event, h2.events.DataReceived):
            if len(self.body) <= _MAX_ANSWER:
                self.body += event.data
        elif isinstance(event, h2.events.StreamEnded):
            self.ended = True
        elif isinstance(event, h2.events.StreamReset):
            self.ended = True
            self.headers.setdefault("grpc-status", "14")
            self.headers.setdefault("grpc-message", f"the stream was reset ({event.error_code})")
        elif isinstance(event, h2.events.ConnectionTerminated) and not self.ended:
            raise ConnectionError(f"the receiver ended the connection ({event.error_code})")


class GrpcTransport:
    """Calls `MetricsService/Export` of a receiver.

    Args:
        target: the receiver, with headers, which become metadata.
        gzip: whether request bodies are compressed.
        now: a steady clock in seconds.

    Raises:
        MissingExtraError: if h2 is not installed.
    """

    def __init__(self, target: HttpTarget, *, gzip: bool, now: Callable[[], float]) -> None:
        require()
        self._target = target
        self._gzip = gzip
        self._now = now
        self._connection: Connection | None = None
        self._metadata = [
            (name.lower(), value.strip(" \t"))
            for name, value in target.headers.items()
            if name.lower() not in _NOT_SENT
        ]

    def send(self, body: bytes, deadline: float) -> Accepted:
        """Send a request; see `Transport`."""
        from h2.exceptions import ProtocolError  # noqa: PLC0415 - `require` has been asked

        try:
            call = self._call(body, deadline)
        except (OSError, UnicodeError, ProtocolError) as error:
            raise ExportError(str(HttpError(error)), again=True) from None
        return _judge(call.headers, bytes(call.body))

    def abort(self) -> None:
        """Make a running call fail."""
        connection = self._connection
        if connection is not None:
            connection.abort()

    def _call(self, body: bytes, deadline: float) -> _Call:
        from h2.config import H2Configuration  # noqa: PLC0415 - `require` has been asked
        from h2.connection import H2Connection  # noqa: PLC0415

        connection = Connection(self._target, lambda: deadline - self._now())
        self._connection = connection
        protocol = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        call = _Call()
        with contextlib.closing(connection):
            connection.connect()
            protocol.initiate_connection()
            stream = protocol.get_next_available_stream_id()
            protocol.send_headers(stream, self._headers(deadline))
            message = memoryview(struct.pack(">BI", self._gzip, len(body)) + body)
            while message and not call.ended:
                window = protocol.local_flow_control_window(stream)
                size = min(window, protocol.max_outbound_frame_size, len(message))
                if size > 0:
                    part, message = message[:size], message[size:]
                    protocol.send_data(stream, part.tobytes(), end_stream=not message)
                    connection.send(protocol.data_to_send())
                else:
                    _receive(protocol, connection, call)
            while not call.ended:
                _receive(protocol, connection, call)
            with contextlib.suppress(OSError):
                protocol.close_connection()
                connection.send(protocol.data_to_send())
        return call

    def _headers(self, deadline: float) -> list[tuple[str, str]]:
        target = self._target
        milliseconds = max(1, round((deadline - self._now()) * 1000))
        headers = [
            (":method", "POST"),
            (":scheme", target.scheme),
            (":path", _METHOD),
            (":authority", target.authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", target.headers["User-Agent"].strip(" \t")),
            ("grpc-timeout", f"{milliseconds}m"),
        ]
        if self._gzip:
            headers.append(("grpc-encoding", "gzip"))
        return headers + self._metadata


def _receive(protocol: H2Connection, connection: Connection, call: _Call) -> None:
    data = connection.receive()
    if not data:
        raise ConnectionError("the receiver closed the connection")
    events: Iterable[Any] = protocol.receive_data(data)
    for event in events:
        call.take(event)
        received = getattr(event, "flow_controlled_length", 0)
        if received and not call.ended:
            protocol.acknowledge_received_data(received, event.stream_id)
    connection.send(protocol.data_to_send())


def _judge(headers: dict[str, str], body: bytes) -> Accepted:
    text = headers.get("grpc-status", "")
    if not text.isdecimal():
        http = headers.get(":status", "")
        again = http.isdecimal() and int(http) in _AGAIN_OVER_HTTP
        raise ExportError(f"answered {http or 'nothing'} without a gRPC status", again=again)
    status = int(text)
    if status == _OK:
        # The first five bytes are the compression flag, which is not requested, and the length.
        return read_response(body[5:])
    wait = _retry_delay(headers.get("grpc-status-details-bin", ""))
    message = unquote(headers.get("grpc-message", ""))[:_MAX_SHOWN]
    name = _AGAIN.get(status, f"gRPC status {status}")
    raise ExportError(
        f"answered {name}: {message}" if message else f"answered {name}",
        again=status in _AGAIN or (status == _RESOURCE_EXHAUSTED and wait is not None),
        wait=wait or 0.0,
        too_large=status == _RESOURCE_EXHAUSTED and wait is None and "larger than" in message,
    )


def _retry_delay(details: str) -> float | None:
    """Return the delay in the `RetryInfo` of a `google.rpc.Status`, in seconds."""
    with contextlib.suppress(ValueError, binascii.Error):
        status = base64.b64decode(details + "=" * (-len(details) % 4))
        for number, detail in read_fields(status):
            if number == 3 and isinstance(detail, bytes):
                fields = dict(read_fields(detail))
                kind, value = fields.get(1), fields.get(2, b"")
                if isinstance(kind, bytes) and kind.endswith(b"google.rpc.RetryInfo"):
                    return _duration(value) if isinstance(value, bytes) else 0.0
    return None


def _duration(retry_info: bytes) -> float:
    delay = dict(read_fields(retry_info)).get(1, b"")
    parts = dict(read_fields(delay)) if isinstance(delay, bytes) else {}
    seconds, nanos = parts.get(1, 0), parts.get(2, 0)
    if not isinstance(seconds, int) or not isinstance(nanos, int):
        return 0.0
    return seconds + nanos / 1e9


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")

"""OTLP over HTTP: one POST for each request, on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import h11

from vitalspan.bridge.otlp.http_exchange import Answer, exchange, request_headers
from vitalspan.bridge.otlp.transport import Accepted, ExportError, Wire, read_response, reason_of
from vitalspan.http_target import HttpTarget, retry_after

_AGAIN: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""The answers that another attempt may follow (OTLP specification, "Retryable Response Codes")."""

_MAX_ANSWER: Final = 4 * 2**20
"""Bytes of an answer, as the specification proposes; what is beyond them is not read."""

_MAX_SHOWN: Final = 200


class HttpTransport:
    """Posts requests to a receiver.

    Args:
        target: where to, and with which headers.
        gzip: whether bodies are compressed.
        now: a steady clock in seconds.
        wall: Unix seconds, for a `Retry-After` that is a date.
    """

    def __init__(
        self,
        target: HttpTarget,
        *,
        gzip: bool,
        now: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._target = target
        self._now = now
        self._wall = wall
        self._wire: Wire | None = None
        compression = {"Content_Encoding": "gzip"} if gzip else {}
        self._headers = request_headers(
            target, Content_Type="application/x-protobuf", **compression
        )

    def send(self, body: bytes, deadline: float) -> Accepted:
        """Post a request; see `Transport`."""
        try:
            answer = self._ask(body, deadline)
        except (OSError, UnicodeError, h11.RemoteProtocolError) as error:
            raise ExportError(reason_of(error), again=True) from None
        except h11.LocalProtocolError:
            # Its text has the header, which may be a secret.
            raise ExportError("the URL or a header cannot be sent") from None
        return self._judge(answer)

    def abort(self) -> None:
        """Make a request that is under way fail."""
        wire = self._wire
        if wire is not None:
            wire.abort()

    def _ask(self, body: bytes, deadline: float) -> Answer:
        wire = self._wire = Wire(self._target, self._now)
        headers = [*self._headers, (b"Content-Length", b"%d" % len(body))]
        request = h11.Request(method="POST", target=self._target.selector, headers=headers)
        return exchange(wire, request, body, deadline, most=_MAX_ANSWER)

    def _judge(self, answer: Answer) -> Accepted:
        status = answer.status
        if 200 <= status < 300:
            return read_response(answer.body)
        reason = f"answered {status}"
        text = answer.body.decode("utf-8", "replace")
        if text.strip() and text.isprintable():
            reason += f": {text[:_MAX_SHOWN]}"
        raise ExportError(
            reason,
            again=status in _AGAIN,
            wait=retry_after(answer.headers.get("retry-after"), self._wall()),
            too_large=status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )

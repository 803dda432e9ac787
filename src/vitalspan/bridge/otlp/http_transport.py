"""OTLP over HTTP: one POST per request, each on its own connection."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from vitalspan.bridge.otlp.transport import Accepted, ExportError, read_response
from vitalspan.http_client.client import HttpClient, HttpResponse
from vitalspan.http_client.connection import HttpError
from vitalspan.http_client.target import HttpTarget, retry_after

_AGAIN: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""The status codes that allow a retry (OTLP specification, "Retryable Response Codes")."""

_MAX_ANSWER: Final = 4 * 2**20
"""The maximum size of a response in bytes, as in the specification; the rest is not read."""

_MAX_SHOWN: Final = 200


class HttpTransport:
    """Posts requests to a receiver.

    Args:
        target: the receiver, with headers.
        gzip: whether request bodies are compressed.
        now: a steady clock in seconds.
        wall: returns Unix seconds, for a `Retry-After` that is a date.
    """

    def __init__(
        self,
        target: HttpTarget,
        *,
        gzip: bool,
        now: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._selector = target.selector
        self._now = now
        self._wall = wall
        self._client = HttpClient(target, _MAX_ANSWER)
        # As with gRPC, the headers of a user cannot contradict these.
        self._headers = {"Content-Type": "application/x-protobuf", "Host": target.authority}
        if gzip:
            self._headers["Content-Encoding"] = "gzip"

    def send(self, body: bytes, deadline: float) -> Accepted:
        """Post a request; see `Transport`."""
        try:
            response = self._client.request(
                "POST", self._selector, body, self._headers, lambda: deadline - self._now()
            )
        except HttpError as error:
            raise ExportError(str(error), again=error.again) from None
        return self._accepted(response)

    def abort(self) -> None:
        """Make a running request fail."""
        self._client.abort()

    def _accepted(self, answer: HttpResponse) -> Accepted:
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

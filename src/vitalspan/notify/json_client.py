"""A client that posts JSON; its errors say whether another attempt may succeed."""

from __future__ import annotations

import contextlib
import json
from http import HTTPStatus
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.http_client.client import HttpClient, HttpResponse
from vitalspan.http_client.connection import HttpError
from vitalspan.http_client.target import HttpTarget, retry_after, shown
from vitalspan.notify.receiver import UndeliveredError

_REDIRECTIONS: Final = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
"""The statuses that repeat the same request at another URL; others would turn it into a GET."""

_MAX_REDIRECTIONS: Final = 3
_MAX_ANSWER: Final = 4096
_MAX_SHOWN: Final = 200


class JsonClient:
    """Sends JSON to one target, with a new connection each time.

    Args:
        target: the target.
        explain: whether errors may show the body of the response, which may repeat the request and
            so the secrets in a URL.
    """

    def __init__(self, target: HttpTarget, *, explain: bool = False) -> None:
        self._target = target
        # The status is what counts: its sender may break off or dawdle after it.
        self._client = HttpClient(target, _MAX_ANSWER, whole=False)
        self._explain = explain

    def post(self, document: Any, now: float, *, path: str = "") -> bytes:
        """Post a document as JSON, and return the beginning of the response.

        Args:
            document: data that JSON can represent.
            now: Unix seconds, for a `Retry-After` that is a date.
            path: a path below the target's URL; empty for that URL itself.

        Raises:
            UndeliveredError: if it was not accepted.
        """
        body = json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
        response = self._send("POST", path, body)
        self._check(response, now)
        return response.body

    def delete(self, now: float, *, path: str) -> None:
        """Delete a resource below the target's URL; it is not an error if it does not exist.

        Raises:
            UndeliveredError: if it was not deleted.
        """
        response = self._send("DELETE", path, b"")
        if response.status != HTTPStatus.NOT_FOUND:
            self._check(response, now)

    def abort(self) -> None:
        """Make a running request fail."""
        self._client.abort()

    def _send(self, method: str, path: str, body: bytes) -> HttpResponse:
        selector = self._target.at(path) if path else self._target.selector
        for _ in range(1 + _MAX_REDIRECTIONS):
            try:
                response = self._client.request(method, selector, body)
            except HttpError as error:
                raise UndeliveredError(str(error), again=error.again) from None
            if response.status not in _REDIRECTIONS:
                break
            selector = self._redirected(response, selector)
        return response

    def _redirected(self, response: HttpResponse, selector: str) -> str:
        location = response.headers.get("location", "")
        with contextlib.suppress(ConfigurationError):
            target = self._target.redirected(location, selector)
            if target.origin == self._target.origin:
                return target.selector
        raise UndeliveredError(
            f"answered {response.status}, a redirection to {shown(location)}, which is not "
            "followed: use that address if it is right",
            again=False,
        )

    def _check(self, response: HttpResponse, now: float) -> None:
        status = response.status
        if 200 <= status < 300:
            return
        why = f"answered {status}"
        if self._explain and response.body:
            why += f": {response.body.decode('utf-8', 'replace')[:_MAX_SHOWN]!r}"
        too_many = status == HTTPStatus.TOO_MANY_REQUESTS
        raise UndeliveredError(
            why,
            again=too_many or status >= 500,
            wait=retry_after(response.headers.get("retry-after"), now),
        )

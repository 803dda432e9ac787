"""A client that posts JSON; its errors say whether another attempt may succeed."""

from __future__ import annotations

import contextlib
import json
from http import HTTPStatus
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.http_client import HttpClient, HttpResponse
from vitalspan.http_connection import HttpError
from vitalspan.http_target import HttpTarget, retry_after, shown
from vitalspan.notify.receiver import UndeliveredError

_REDIRECTIONS: Final = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
"""Those that ask for the same request at another place; others would turn it into a GET."""

_MAX_REDIRECTIONS: Final = 3
_MAX_ANSWER: Final = 4096
_MAX_SHOWN: Final = 200


class JsonClient:
    """Sends JSON to one target, over a new connection each time.

    Args:
        target: where to.
        explain: whether the body of a refusal may be shown: it may repeat what was asked for, and
            so the secrets of a URL.
    """

    def __init__(self, target: HttpTarget, *, explain: bool = False) -> None:
        self._target = target
        self._client = HttpClient(target)
        self._explain = explain

    def post(self, document: Any, now: float, *, path: str = "") -> bytes:
        """Post a document as JSON and return the beginning of the answer.

        Args:
            document: what JSON can say.
            now: Unix seconds, for a `Retry-After` that is a date.
            path: below the target's URL; empty for that URL itself.

        Raises:
            UndeliveredError: if it was not taken.
        """
        body = json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
        response = self._send("POST", path, body)
        self._check(response, now)
        return response.body

    def delete(self, now: float, *, path: str) -> None:
        """Delete what is at a path below the target's URL; that it is not there is no error.

        Raises:
            UndeliveredError: if that was not done.
        """
        response = self._send("DELETE", path, b"")
        if response.status != HTTPStatus.NOT_FOUND:
            self._check(response, now)

    def abort(self) -> None:
        """Make a request that is under way fail."""
        self._client.abort()

    def _send(self, method: str, path: str, body: bytes) -> HttpResponse:
        selector = self._target.at(path) if path else self._target.selector
        for _ in range(1 + _MAX_REDIRECTIONS):
            try:
                # The status is what counts: its sender may break off or dawdle after it.
                response = self._client.request(
                    method, selector, body, most=_MAX_ANSWER, whole=False
                )
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
            f"{response.status}: redirected to {shown(location)}, which is not followed: "
            "give that address, if it is right",
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

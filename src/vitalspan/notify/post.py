"""Posting JSON by HTTP, with a way to give up from another thread."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import socket
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from vitalspan.notify.receiver import UndeliveredError, reason
from vitalspan.notify.target import Target, shown

_REDIRECTIONS: Final = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
"""Those that ask for the same request at another place; others would turn it into a GET."""

_MAX_REDIRECTIONS: Final = 3
_MAX_ANSWER: Final = 4096
_MAX_SHOWN: Final = 200


class _Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Poster:
    """Posts to one target, over a new connection each time.

    Args:
        target: where to.
        explain: whether the body of a refusal may be shown: it may repeat what was asked for, and
            so the secrets of a URL.
    """

    def __init__(self, target: Target, *, explain: bool = False) -> None:
        self._target = target
        self._explain = explain
        self._sock: socket.socket | None = None

    def post(self, document: Any, now: float) -> None:
        """Post a document as JSON.

        Args:
            document: what JSON can say.
            now: Unix seconds, for a `Retry-After` that is a date.

        Raises:
            UndeliveredError: if it was not taken.
        """
        body = json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
        selector = self._target.selector
        for _ in range(1 + _MAX_REDIRECTIONS):
            try:
                answer = self._ask(selector, body)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise UndeliveredError(reason(error)) from None
            if answer.status not in _REDIRECTIONS:
                break
            selector = self._follow(answer, selector)
        self._judge(answer, now)

    def abort(self) -> None:
        """Make a request that is under way fail."""
        sock = self._sock
        if sock is not None:
            # The plain method, since that of TLS sockets is not safe while another thread reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _ask(self, selector: str, body: bytes) -> _Answer:
        target = self._target
        with contextlib.closing(self._connection()) as connection:
            connection.connect()
            self._sock = connection.sock
            try:
                connection.request("POST", selector, body, target.headers)
                with connection.getresponse() as response:
                    said = b""
                    # The status is what counts: its sender may break off or dawdle after it.
                    with contextlib.suppress(OSError, http.client.HTTPException):
                        said = response.read(_MAX_ANSWER)
                    return _Answer(response.status, response.headers, said)
            finally:
                self._sock = None

    def _connection(self) -> http.client.HTTPConnection:
        target = self._target
        if target.scheme == "https":
            return http.client.HTTPSConnection(
                target.host, target.port, timeout=target.timeout, context=target.tls
            )
        return http.client.HTTPConnection(target.host, target.port, timeout=target.timeout)

    def _follow(self, answer: _Answer, selector: str) -> str:
        location = answer.headers.get("Location", "")
        found = self._target.redirected(location, selector)
        if found is None:
            raise UndeliveredError(
                f"{answer.status}: redirected to {shown(location)}, which is not followed: "
                "give that address, if it is right",
                again=False,
            )
        return found

    def _judge(self, answer: _Answer, now: float) -> None:
        status = answer.status
        if 200 <= status < 300:
            return
        why = f"answered {status}"
        if self._explain and answer.body:
            why += f": {answer.body.decode('utf-8', 'replace')[:_MAX_SHOWN]!r}"
        too_many = status == HTTPStatus.TOO_MANY_REQUESTS
        raise UndeliveredError(
            why,
            again=too_many or status >= 500,
            wait=_retry_after(answer.headers.get("Retry-After"), now),
        )


def _retry_after(text: str | None, now: float) -> float:
    """Return the seconds that a receiver asks to be left alone for, from now on."""
    if text is None:
        return 0.0
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0

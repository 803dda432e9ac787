"""A small HTTP client for JSON, whose requests another thread can abort."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from vitalspan.http_target import HttpTarget, retry_after, shown
from vitalspan.notify.receiver import UndeliveredError, reason

_REDIRECTIONS: Final = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
"""Those that ask for the same request at another place; others would turn it into a GET."""

_MAX_REDIRECTIONS: Final = 3
_MAX_ANSWER: Final = 4096
_MAX_SHOWN: Final = 200


class _Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class HttpClient:
    """Sends JSON to one target, over a new connection each time.

    Args:
        target: where to.
        explain: whether the body of a refusal may be shown: it may repeat what was asked for, and
            so the secrets of a URL.
    """

    def __init__(self, target: HttpTarget, *, explain: bool = False) -> None:
        self._target = target
        self._explain = explain
        self._sock: socket.socket | None = None

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
        return self._send("POST", path, body, now)

    def delete(self, now: float, *, path: str) -> None:
        """Delete what is at a path below the target's URL; that it is not there is no error.

        Raises:
            UndeliveredError: if that was not done.
        """
        self._send("DELETE", path, None, now, fine=(HTTPStatus.NOT_FOUND,))

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        now: float,
        *,
        fine: tuple[HTTPStatus, ...] = (),
    ) -> bytes:
        selector = self._target.at(path) if path else self._target.selector
        for _ in range(1 + _MAX_REDIRECTIONS):
            try:
                answer = self._ask(method, selector, body)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise UndeliveredError(reason(error)) from None
            if answer.status not in _REDIRECTIONS:
                break
            selector = self._follow(answer, selector)
        if answer.status not in fine:
            self._judge(answer, now)
        return answer.body

    def abort(self) -> None:
        """Make a request that is under way fail."""
        sock = self._sock
        if sock is not None:
            # The plain method, since that of TLS sockets is not safe while another thread reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _ask(self, method: str, selector: str, body: bytes | None) -> _Answer:
        target = self._target
        headers, requested = target.headers, selector
        if target.proxy is not None and target.scheme == "http":
            headers, requested = headers | target.proxy.headers, target.absolute(selector)
        with contextlib.closing(self._connection()) as connection:
            connection.connect()
            self._sock = connection.sock
            try:
                connection.request(method, requested, body, headers)
                with connection.getresponse() as response:
                    start = b""
                    # The status is what counts: its sender may break off or dawdle after it.
                    with contextlib.suppress(OSError, http.client.HTTPException):
                        start = response.read(_MAX_ANSWER)
                    return _Answer(response.status, response.headers, start)
            finally:
                self._sock = None

    def _connection(self) -> http.client.HTTPConnection:
        target, proxy = self._target, self._target.proxy
        host, port = (target.host, target.port) if proxy is None else (proxy.host, proxy.port)
        if target.scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=target.timeout)
        connection = http.client.HTTPSConnection(
            host, port, timeout=target.timeout, context=target.tls
        )
        if proxy is not None:
            connection.set_tunnel(target.host, target.port, proxy.headers)
        return connection

    def _follow(self, answer: _Answer, selector: str) -> str:
        location = answer.headers.get("Location", "")
        target = self._target.redirected(location, selector)
        if target is None:
            raise UndeliveredError(
                f"{answer.status}: redirected to {shown(location)}, which is not followed: "
                "give that address, if it is right",
                again=False,
            )
        return target

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
            wait=retry_after(answer.headers.get("Retry-After"), now),
        )

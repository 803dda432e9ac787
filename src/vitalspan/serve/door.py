"""What a request that has arrived is answered: who is let in, and how many scrapes at a time."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vitalspan.serve.basic_auth import CHALLENGE
from vitalspan.serve.response import METRICS_PATH, Request, Response, respond, text_response
from vitalspan.serve.web_config import WebConfig, WebConfigFile

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

    from vitalspan.serve.wire import Head

_ROOM_FOR_OTHERS: Final = 8
"""One connection of so many is kept free of scrapes, and one at least if there are two."""


class Door:
    """Answers requests.

    Args:
        registry: whose metrics are shown.
        config: the web configuration; None for an open door.
        max_connections: how many clients are served at a time.
    """

    def __init__(
        self, registry: Collector, config: WebConfigFile | None, max_connections: int
    ) -> None:
        self._registry = registry
        self._config_file = config
        # A collector that hangs holds its scrape for ever, and scrapers come again.
        kept = max(1, max_connections // _ROOM_FOR_OTHERS)
        self._scrapes = threading.Semaphore(max(1, max_connections - kept))

    def config(self) -> WebConfig:
        """Return what the web configuration says now."""
        return WebConfig() if self._config_file is None else self._config_file.current()

    def answer(self, head: Head) -> Response:
        """Answer a request."""
        config = self.config()
        response = _refusal(head, config) or self._respond(head)
        return response._replace(headers=[*response.headers, *config.headers])

    def _respond(self, head: Head) -> Response:
        request = Request(
            method=head.method,
            path=head.path,
            query=head.query,
            accept=head.headers.get("accept"),
            accept_encoding=head.headers.get("accept-encoding"),
        )
        if head.path != METRICS_PATH:
            return respond(request, self._registry, any_path=False)
        if not self._scrapes.acquire(blocking=False):
            return _refused(head, HTTPStatus.SERVICE_UNAVAILABLE, "too many scrapes at a time")
        try:
            return respond(request, self._registry, any_path=False)
        finally:
            self._scrapes.release()


def _refusal(head: Head, config: WebConfig) -> Response | None:
    """The answer to a client that is not let in."""
    if config.rate_limit and not config.rate_limit.admits(time.monotonic()):
        return _refused(head, HTTPStatus.TOO_MANY_REQUESTS, "too many requests")
    if config.users and not config.users.admits(head.headers.get("authorization")):
        return _refused(head, HTTPStatus.UNAUTHORIZED, "a password is needed", CHALLENGE)
    return None


def _refused(head: Head, status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Response:
    response = text_response(status, text, *headers)
    return response._replace(body=b"") if head.method == "HEAD" else response

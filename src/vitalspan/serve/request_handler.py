"""The request handler: from a whole request to its response, with limits on scrapes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vitalspan.serve.access import refusal
from vitalspan.serve.coalescing import ScrapeCoalescer
from vitalspan.serve.event_streams import MAX_STREAMS, EventStreams
from vitalspan.serve.messages import Request, Response, text_response
from vitalspan.serve.page import EVENTS_PATH, is_page, misleading_host
from vitalspan.serve.page_changes import is_change, knows_clients, respond_change
from vitalspan.serve.routes import is_scrape, respond
from vitalspan.serve.scrape import scrape_options
from vitalspan.serve.web_config import WebConfig
from vitalspan.serve.worker_pool import WorkerPool

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

WhenSent = Callable[[], None]
Send = Callable[[Response, WhenSent | None], None]

MAX_THREADS: Final = 32
"""Threads that make responses, at most."""

MAX_PAGE_THREADS: Final = 2
"""Threads that make what the page shows, at most: whoever looks must not slow down who works."""

MAX_PAGE_REQUESTS: Final = 256
"""Requests of pages that wait for their responses or take them, at most."""

_ROOM_FOR_OTHERS: Final = 8
"""One of so many threads and connections is kept free of scrapes; one at least if there are two."""

_log = logging.getLogger(__name__)


class Exchange:
    """A request, and the way of its response to the client.

    Args:
        request: what the client asks.
        config: says which headers every response has.
        send: sends the response.
    """

    def __init__(self, request: Request, config: WebConfig, send: Send) -> None:
        self.request = request
        self.config = config
        self._send = send

    def respond(self, response: Response, when_sent: WhenSent | None = None) -> None:
        """Send the response."""
        request = self.request
        _log.debug("%s %r: %d", request.method, request.path, response.status)
        headers = [*response.headers, *self.config.headers]
        self._send(response.to(request)._replace(headers=headers), when_sent)

    def refuse(self, reason: str) -> None:
        """Send a 503, for want of room."""
        self.respond(text_response(HTTPStatus.SERVICE_UNAVAILABLE, reason))


class RequestHandler:
    """Answers requests in worker threads.

    A collector that hangs holds its scrape for ever, and scrapers come again. So an eighth of the
    threads and of the connections is kept for everything that is no scrape.

    Args:
        registry: whose metrics are shown.
        config: returns what the web configuration says now.
        max_connections: how many connections the server has, at most.
        is_local: whether it listens for this machine alone.
    """

    def __init__(
        self,
        registry: Collector,
        config: Callable[[], WebConfig],
        max_connections: int,
        *,
        is_local: bool = False,
    ) -> None:
        self._registry = registry
        self._config = config
        self._is_local = is_local
        max_threads = min(MAX_THREADS, max_connections)
        self._workers = WorkerPool(max_threads)
        self._scrapes = ScrapeCoalescer(
            self._workers.submit,
            max_scrapes=_share_of_scrapes(max_connections),
            max_renderings=_share_of_scrapes(max_threads),
        )
        self._streams = EventStreams(registry, min(MAX_STREAMS, max(1, max_connections // 4)))
        self._page_workers = WorkerPool(MAX_PAGE_THREADS)
        self._views = ScrapeCoalescer(
            self._page_workers.submit,
            max_scrapes=min(MAX_PAGE_REQUESTS, _share_of_scrapes(max_connections)),
            max_renderings=MAX_PAGE_REQUESTS,
        )

    def handle(self, request: Request, send: Send) -> None:
        """See to it that a request is answered, without waiting for anything.

        Args:
            request: the request.
            send: is called once, from any thread.
        """
        exchange = Exchange(request, self._config(), send)
        if exchange.config.users is None:
            self._admit(exchange)
        else:
            # To check a password takes a while.
            self._submit(exchange, partial(self._admit, exchange))

    def close(self) -> None:
        """End the threads as soon as they have finished what they do."""
        self._streams.close()
        self._workers.close()
        self._page_workers.close()

    def _admit(self, exchange: Exchange) -> None:
        request = exchange.request
        response = refusal(request, exchange.config)
        if response is not None:
            exchange.respond(response)
        elif is_scrape(request):
            self._scrape(exchange)
        elif is_change(request):
            self._change(exchange)
        elif is_page(request.path) and request.method in {"GET", "HEAD"}:
            self._view(exchange)
        else:
            # Everything else waits for nothing, so hanging collectors cannot hold it up.
            exchange.respond(self._response(request))

    def _scrape(self, exchange: Exchange) -> None:
        # Scrapes that share a rendering differ in HEAD and GET alone.
        request = exchange.request._replace(method="GET")
        render = partial(self._response, request)
        if not self._scrapes.scrape(scrape_options(request), render, exchange.respond):
            exchange.refuse("too many scrapes at a time")

    def _view(self, exchange: Exchange) -> None:
        """Answer with the page, or with what it shows; the same for all that ask at once."""
        request = exchange.request
        if self._refused(exchange):
            return
        if request.path == EVENTS_PATH and request.method == "GET":
            if not self._page_workers.submit(partial(self._stream, exchange)):
                exchange.refuse("there is no thread for another request")
            return
        seen = tuple(request.headers.get(name) for name in ("accept-encoding", "if-none-match"))
        key = (request.path, request.query, *seen)
        trusted = self._is_local or knows_clients(exchange.config)
        render = partial(self._response, request._replace(method="GET", trusted=trusted))
        if not self._views.scrape(key, render, exchange.respond):
            exchange.refuse("too many look at this service")

    def _refused(self, exchange: Exchange) -> bool:
        """Refuse who was led here under the name of another site; return whether that was so."""
        # A browser has no password for the name of another site, so users keep that one out.
        if not self._is_local or exchange.config.users is not None:
            return False
        refused = misleading_host(exchange.request)
        if refused is not None:
            exchange.respond(refused)
        return refused is not None

    def _change(self, exchange: Exchange) -> None:
        """Let somebody change something, if the server knows who it is."""
        if self._refused(exchange):
            return
        allowed = knows_clients(exchange.config)

        def make() -> None:
            exchange.respond(respond_change(exchange.request, self._registry, allowed=allowed))

        if not self._page_workers.submit(make):
            exchange.refuse("there is no thread for another request")

    def _stream(self, exchange: Exchange) -> None:
        """Answer with events that go on until the client has gone."""
        opened = self._streams.open()
        if opened is None:
            exchange.refuse("too many follow this service: ask for its status again and again")
        else:
            response, end = opened
            exchange.respond(response, end)

    def _response(self, request: Request) -> Response:
        return respond(request, self._registry, any_path=False)

    def _submit(self, exchange: Exchange, job: Callable[[], None]) -> None:
        if not self._workers.submit(job):
            exchange.refuse("there is no thread for another request")


def _share_of_scrapes(number: int) -> int:
    return max(1, number - max(1, number // _ROOM_FOR_OTHERS))

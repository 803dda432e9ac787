"""The request handler: makes the response to a complete request, with limits on scrapes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
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
"""The maximum number of threads that make responses."""

MAX_PAGE_THREADS: Final = 2
"""The maximum number of threads for the page, which must not slow down the service."""

MAX_PAGE_REQUESTS: Final = 256
"""The maximum number of page requests that wait for their responses or receive them."""

_ROOM_FOR_OTHERS: Final = 8
"""One in so many threads and connections is reserved for everything but scrapes, at least one."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Exchange:
    """A request, and how to send its response.

    Attributes:
        request: the request.
        config: the web configuration, which has the headers of every response.
        send: sends the response.
    """

    request: Request
    config: WebConfig
    send: Send

    def respond(self, response: Response, when_sent: WhenSent | None = None) -> None:
        """Send the response."""
        request = self.request
        _log.debug("%s %r: %d", request.method, request.path, response.status)
        headers = [*response.headers, *self.config.headers]
        self.send(response.to(request)._replace(headers=headers), when_sent)

    def refuse(self, reason: str) -> None:
        """Send a 503, because there is no room."""
        self.respond(text_response(HTTPStatus.SERVICE_UNAVAILABLE, reason))


class RequestHandler:
    """Answers requests in worker threads.

    A collector that hangs blocks its scrape forever, and scrapers retry. So an eighth of the
    threads and of the connections is reserved for everything that is not a scrape.

    Args:
        registry: the registry whose metrics are served.
        config: returns the current web configuration.
        max_connections: the maximum number of connections of the server.
        is_local: whether it listens on a loopback address only.
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
        """Arrange for a request to be answered, without blocking.

        Args:
            request: the request.
            send: called once with the response, from any thread.
        """
        exchange = Exchange(request, self._config(), send)
        if exchange.config.users is None:
            self._admit(exchange)
        else:
            # Checking a password takes a while.
            self._submit(partial(self._admit, exchange), self._workers, exchange)

    def close(self) -> None:
        """End the threads as soon as they have finished their jobs."""
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
            # Nothing else blocks, so collectors that hang cannot delay it.
            exchange.respond(self._response(request))

    def _scrape(self, exchange: Exchange) -> None:
        # Scrapes that share a rendering differ only in HEAD and GET.
        request = exchange.request._replace(method="GET")
        render = partial(self._response, request)
        if not self._scrapes.scrape(scrape_options(request), render, exchange.respond):
            exchange.refuse("too many scrapes at a time")

    def _view(self, exchange: Exchange) -> None:
        """Answer with the page or its data; simultaneous identical requests share a response."""
        request = exchange.request
        if self._refused(exchange):
            return
        if request.path == EVENTS_PATH and request.method == "GET":
            self._submit(partial(self._stream, exchange), self._page_workers, exchange)
            return
        seen = tuple(request.headers.get(name) for name in ("accept-encoding", "if-none-match"))
        key = (request.path, request.query, *seen)
        trusted = self._is_local or knows_clients(exchange.config)
        render = partial(self._response, request._replace(method="GET", trusted=trusted))
        if not self._views.scrape(key, render, exchange.respond):
            exchange.refuse("too many requests for the page")

    def _refused(self, exchange: Exchange) -> bool:
        """Refuse a request that another site's name led here; return whether it was refused."""
        # A browser sends no password to another site's name, so configured users prevent that
        # attack.
        if not self._is_local or exchange.config.users is not None:
            return False
        refused = misleading_host(exchange.request)
        if refused is not None:
            exchange.respond(refused)
        return refused is not None

    def _change(self, exchange: Exchange) -> None:
        """Make a change, if the server authenticates its clients."""
        if self._refused(exchange):
            return
        allowed = knows_clients(exchange.config)

        def make() -> None:
            exchange.respond(respond_change(exchange.request, self._registry, allowed=allowed))

        self._submit(make, self._page_workers, exchange)

    def _stream(self, exchange: Exchange) -> None:
        """Answer with events that go on until the client disconnects."""
        opened = self._streams.open()
        if opened is None:
            exchange.refuse("there are too many event streams: poll the status instead")
        else:
            response, end = opened
            exchange.respond(response, end)

    def _response(self, request: Request) -> Response:
        return respond(request, self._registry, any_path=False)

    def _submit(self, job: Callable[[], None], workers: WorkerPool, exchange: Exchange) -> None:
        if not workers.submit(job):
            exchange.refuse("there is no thread for another request")


def _share_of_scrapes(number: int) -> int:
    return max(1, number - max(1, number // _ROOM_FOR_OTHERS))

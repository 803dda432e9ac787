"""The event streams of pages, fed by one thread that runs while there are any."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from vitalspan.runtime import fork
from vitalspan.serve.messages import Response

Push = Callable[[bytes], None]

MAX_STREAMS: Final = 64
"""The maximum number of streams at a time; further clients poll instead."""

_log = logging.getLogger(__name__)


class EventStreams:
    """Sends the same events to every client.

    Args:
        registry: the registry of the service that the events are about.
        most: the maximum number of clients.
        wait: waits for some seconds, or until the event is set; returns whether it is set.
    """

    def __init__(
        self,
        registry: object,
        most: int = MAX_STREAMS,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._registry = registry
        self._most = most
        self._wait = wait
        self._lock = threading.Lock()
        self._clients: dict[int, Push | None] = {}
        self._next = 0
        self._woken = threading.Event()
        self._ended = False
        self._running = False

    @property
    def count(self) -> int:
        """The number of clients."""
        return len(self._clients)

    def open(self) -> tuple[Response, Callable[[], None]] | None:
        """Return the response that begins a stream, and a function to end it; None without room.

        The function has to be called once the client has disconnected.
        """
        with fork.imports_finish_first:
            # Imported here, because a process whose page nobody opens does not need it.
            from vitalspan.page.events import HEADERS, OPENING  # noqa: PLC0415

        with self._lock:
            if len(self._clients) >= self._most or self._ended:
                return None
            client = self._next
            self._next += 1
            self._clients[client] = None

        def begin(push: Push) -> None:
            self._begin(client, push)

        return Response(HTTPStatus.OK, [*HEADERS], OPENING, begin), lambda: self._end(client)

    def close(self) -> None:
        """End the thread."""
        self._ended = True
        self._woken.set()

    def _begin(self, client: int, push: Push) -> None:
        with self._lock:
            # The client may have disconnected already.
            if client not in self._clients:
                return
            self._clients[client] = push
            # A new client gets the state of the service at once.
            self._woken.set()
            if not self._running:
                thread = threading.Thread(target=self._run, name="vitalspan-events", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    _log.debug("no thread could be started: pages have to poll")
                else:
                    self._running = True

    def _end(self, client: int) -> None:
        with self._lock:
            self._clients.pop(client, None)

    def _run(self) -> None:
        from vitalspan.page.events import EventFeed  # noqa: PLC0415 - imported already
        from vitalspan.page.watches import watches  # noqa: PLC0415

        feed = EventFeed(self._registry)
        watches.wake_with_another(self._woken)
        while True:
            anew = self._woken.is_set()
            self._woken.clear()
            try:
                data = feed.step(anew=anew)
            except Exception:  # noqa: BLE001 - the next one may be made
                _log.exception("an event could not be made")
                data = b": none\n\n"
            with self._lock:
                clients = list(self._clients.values())
                if not clients or self._ended:
                    self._running = False
                    return
            for push in clients:
                if push is not None and data:
                    push(data)
            self._wait(self._woken, feed.seconds)

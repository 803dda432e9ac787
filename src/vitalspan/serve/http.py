"""A small HTTP server for the metrics, in daemon threads, for a network that may be hostile."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from prometheus_client import REGISTRY

from vitalspan.errors import ConfigurationError
from vitalspan.monitor import let_tick
from vitalspan.serve.door import Door
from vitalspan.serve.listen import listen
from vitalspan.serve.response import METRICS_PATH, text_response
from vitalspan.serve.web_config import WebConfigFile
from vitalspan.serve.wire import Disconnected, RequestError, Wire

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from prometheus_client.registry import Collector
    from typing_extensions import Self

_MAX_REQUESTS: Final = 1000
_CLOSE_SECONDS: Final = 1.0
_ACCEPT_RETRY_SECONDS: Final = 0.05
_REFUSAL_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


def start_http_server(
    port: int = 9464,
    addr: str = "127.0.0.1",
    registry: Collector = REGISTRY,
    *,
    web_config: str | os.PathLike[str] | None = None,
    max_connections: int = 32,
    timeout: float = 10.0,
    idle_timeout: float = 90.0,
) -> MetricsServer:
    """Serve a registry's metrics at `/metrics` from daemon threads, and let its monitors tick.

    Those tick as well that are made later. `/-/live`, `/-/ready` and `/health` say how the process
    does.

    Args:
        port: the TCP port; 0 takes a free one, which `MetricsServer.port` tells.
        addr: the address or host name to listen on: `0.0.0.0` for all of IPv4, `::` for all.
        registry: whose metrics are shown.
        web_config: a web configuration file, for TLS, client certificates and users.
        max_connections: how many clients are served at a time; others get a 503. Connections
            that wait between two requests are closed to make room, and an eighth is kept free of
            scrapes.
        timeout: seconds for a whole request to arrive, from the first byte, or from the
            connection for the first one, TLS included; and again for an answer to be taken.
        idle_timeout: seconds that a connection may wait for its next request. A scraper keeps
            its connection if this is more than its scrape interval.

    Raises:
        ConfigurationError: if an option or the web configuration cannot be used.
        MissingExtraError: if there is a web configuration and the extra `server` is missing.
        OSError: if the address cannot be listened on; the message names it.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ConfigurationError(f"port={port!r}: give a whole number from 0 to 65535")
    if max_connections < 1:
        raise ConfigurationError(f"max_connections={max_connections!r}: give 1 or more")
    for name, seconds in (("timeout", timeout), ("idle_timeout", idle_timeout)):
        if not 0 < seconds < threading.TIMEOUT_MAX:
            raise ConfigurationError(f"{name}={seconds!r}: give seconds above 0")
    config = None if web_config is None else WebConfigFile(web_config)
    server = MetricsServer(
        listen(addr, port),
        Door(registry, config, max_connections),
        max_connections=max_connections,
        timeout=timeout,
        idle_timeout=idle_timeout,
    )
    let_tick(registry)
    return server


class MetricsServer:
    """A running server; `start_http_server` makes one. Close it, or leave its `with` block.

    It never keeps the interpreter from exiting.

    Attributes:
        address: the address that it listens on.
        port: the TCP port.
    """

    def __init__(
        self,
        listener: socket.socket,
        door: Door,
        *,
        max_connections: int,
        timeout: float,
        idle_timeout: float,
    ) -> None:
        self.address: str
        self.port: int
        self.address, self.port = listener.getsockname()[:2]
        self._listener = listener
        self._door = door
        self._max_connections = max_connections
        self._timeout = timeout
        self._idle_timeout = idle_timeout
        # Each with the time since when it waits for another request; None while it is busy.
        self._connections: dict[Wire, float | None] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._acceptor = threading.Thread(
            target=self._accept, name=f"vitalspan-http-{self.port}", daemon=True
        )
        self._acceptor.start()

    @property
    def url(self) -> str:
        """Where the metrics are, as in `http://127.0.0.1:9464/metrics`."""
        scheme = "https" if self._door.config().tls else "http"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{scheme}://{host}:{self.port}{METRICS_PATH}"

    def close(self) -> None:
        """Stop listening and end all connections; answers under way get a second to finish."""
        with self._changed:
            if self._closing.is_set():
                return
            self._closing.set()
        self._wake.close()
        self._acceptor.join()
        self._woken.close()
        self._listener.close()
        with self._changed:
            for wire in self._connections:
                if wire.waiting:
                    wire.abort()
            self._changed.wait_for(lambda: not self._connections, _CLOSE_SECONDS)
            for wire in self._connections:
                wire.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._closing.is_set():
                selector.select()
                try:
                    sock, _ = self._listener.accept()
                except BlockingIOError:
                    continue
                except OSError as error:
                    # Out of file descriptors, mostly: the listener stays ready, so do not spin.
                    _log.debug("a connection was not accepted: %s", error)
                    self._closing.wait(_ACCEPT_RETRY_SECONDS)
                    continue
                self._admit(sock)

    def _admit(self, sock: socket.socket) -> None:
        """Give a connection a thread if there is room."""
        wire = Wire(sock, self._timeout)
        with self._changed:
            if len(self._connections) >= self._max_connections:
                self._evict()
            admitted = len(self._connections) < self._max_connections
            if admitted:
                self._connections[wire] = None
        if not admitted:
            self._refuse(wire)
            return
        thread = threading.Thread(
            target=self._serve, args=(wire,), name="vitalspan-http-connection", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            # The system gives out no more threads.
            self._forget(wire)
            self._refuse(wire)

    def _evict(self) -> None:
        """Close the connection that has waited longest for another request, if any does."""
        waiting = [(since, wire) for wire, since in self._connections.items() if since is not None]
        if waiting:
            _, wire = min(waiting, key=lambda pair: pair[0])
            wire.abort()
            del self._connections[wire]

    def _refuse(self, wire: Wire) -> None:
        """Say no without a thread, and so without waiting for anything."""
        response = text_response(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
        wire.allow(_REFUSAL_SECONDS)
        with contextlib.suppress(OSError):
            if not self._door.config().tls:
                wire.send(response, keep_alive=False)
        wire.drop()

    def _forget(self, wire: Wire) -> None:
        with self._changed:
            self._connections.pop(wire, None)
            self._changed.notify_all()

    def _serve(self, wire: Wire) -> None:
        """Serve one connection to its end."""
        try:
            if self._secure(wire):
                self._converse(wire)
        except Disconnected:
            pass
        except OSError as error:
            _log.debug("a connection broke: %s", error)
        finally:
            wire.close()
            self._forget(wire)

    def _secure(self, wire: Wire) -> bool:
        """Set up TLS where it is configured; whether the client may go on."""
        tls = self._door.config().tls
        if tls is None:
            return True
        wire.start_tls(tls.context)
        if tls.admits(wire.client_names()):
            return True
        _log.debug("a client certificate names nobody in client_allowed_sans")
        return False

    def _converse(self, wire: Wire) -> None:
        """Answer one request after another."""
        left = _MAX_REQUESTS
        while True:
            wire.wait()
            if left < _MAX_REQUESTS:
                self._mark(wire, None)
                wire.allow(self._timeout)
            left -= 1
            try:
                head = wire.read_head()
            except RequestError as error:
                _log.debug("%d: %s", error.status, error)
                wire.allow(self._timeout)
                wire.send(text_response(error.status, error.reason), keep_alive=False)
                return
            response = self._door.answer(head)
            _log.debug("%s %r: %d", head.method, head.path, response.status)
            keep = head.keep_alive and left > 0 and not self._closing.is_set()
            wire.allow(self._timeout)
            wire.send(response, keep_alive=keep)
            if not keep:
                return
            wire.allow(self._idle_timeout)
            self._mark(wire, time.monotonic())

    def _mark(self, wire: Wire, idle_since: float | None) -> None:
        """Note that a connection is busy, or since when it waits.

        Raises:
            Disconnected: if it was closed to make room, or the server is being closed.
        """
        with self._changed:
            ending = idle_since is not None and self._closing.is_set()
            if ending or wire not in self._connections:
                raise Disconnected
            self._connections[wire] = idle_since

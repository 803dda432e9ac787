"""A running server for metrics and probes, in daemon threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from vitalspan.runtime import fork
from vitalspan.serve.page import is_loopback
from vitalspan.serve.request_handler import RequestHandler
from vitalspan.serve.routes import METRICS_PATH
from vitalspan.serve.selector_loop import CLOSE_SECONDS, SelectorLoop

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Self

    from prometheus_client.registry import Collector

    from vitalspan.serve.connection import Timeouts
    from vitalspan.serve.web_config import WebConfig


class MetricsServer:
    """A running server; `start_http_server` makes one. Close it, or leave its `with` block.

    It never keeps the interpreter from exiting. A forked child has no part in it: there it is
    closed, while its parent goes on serving.

    Attributes:
        address: the address that it listens on.
        port: the TCP port.
    """

    def __init__(
        self,
        listener: socket.socket,
        registry: Collector,
        config: Callable[[], WebConfig],
        *,
        max_connections: int,
        timeouts: Timeouts,
    ) -> None:
        self.address: str
        self.port: int
        self.address, self.port = listener.getsockname()[:2]
        self._config = config
        self._handler = RequestHandler(
            registry, config, max_connections, is_local=is_loopback(self.address)
        )
        self._loop = SelectorLoop(
            listener,
            tls=lambda: config().tls,
            handle=self._handler.handle,
            timeouts=timeouts,
            max_connections=max_connections,
        )
        self._thread = threading.Thread(
            target=self._loop.run, name=f"vitalspan-http-{self.port}", daemon=True
        )
        try:
            self._thread.start()
        except BaseException:
            # The system gives out no more threads: the port is free for the next try.
            self._loop.close()
            raise
        fork.reset_in_child(self._loop)

    @property
    def url(self) -> str:
        """The URL of the metrics, such as `http://127.0.0.1:9464/metrics`."""
        scheme = "https" if self._config().tls else "http"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{scheme}://{host}:{self.port}{METRICS_PATH}"

    def close(self) -> None:
        """Stop listening and end all connections; responses under way get a second to finish."""
        if self._loop.stopping:
            return
        self._loop.stop()
        self._thread.join(2 * CLOSE_SECONDS)
        self._handler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.close()

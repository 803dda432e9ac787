"""A server that waits for its port, which another worker of the same service serves for all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from vitalspan.runtime import fork
from vitalspan.serve.metrics_server import MetricsServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitalspan.serve.web_config import WebConfig

_RETRY_SECONDS: Final = 1.0


class StandbyServer(MetricsServer):
    """Takes the port as soon as the worker that has it dies, and then serves for all workers.

    A forked child does not take part.

    Args:
        listen: makes the server; raises OSError while the port is taken, and RuntimeError if no
            thread can be started.
        address: the address to listen on.
        port: the TCP port.
        config: returns the current web configuration.
        wait: waits for some seconds, or until the event is set; returns whether it is set.
    """

    def __init__(
        self,
        listen: Callable[[], MetricsServer],
        address: str,
        port: int,
        config: Callable[[], WebConfig],
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.address, self.port = address, port
        self._config = config
        self._listen = listen
        self._wait = wait
        self._server: MetricsServer | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"vitalspan-http-standby-{port}", daemon=True
        )
        self._thread.start()
        fork.reset_in_child(self)

    @property
    def serving(self) -> bool:
        """True if this process has the port and serves."""
        return self._server is not None

    def close(self) -> None:
        """Stop waiting and serving."""
        self._closing.set()
        self._thread.join(2 * _RETRY_SECONDS)
        if self._server is not None:
            self._server.close()

    def reset(self) -> None:
        """Stop waiting, in a forked child."""
        self._closing = threading.Event()
        self._closing.set()

    def _run(self) -> None:
        closing = self._closing
        while not self._wait(closing, _RETRY_SECONDS):
            try:
                server = self._listen()
            except (OSError, RuntimeError):
                # The port is still taken, or no thread can be started at the moment.
                continue
            self._server = server
            if closing.is_set():
                server.close()
            return

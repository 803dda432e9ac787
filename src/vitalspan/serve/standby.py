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
    """Takes a port as soon as the worker that has it dies, and serves for all workers then.

    A forked child has no part in it.

    Args:
        listen: makes the server; raises OSError while the port is taken, and RuntimeError without
            room for a thread.
        address: what is listened on then.
        port: the TCP port.
        config: returns the present web configuration.
        wait: waits for some seconds, or until the event is set; returns whether it is.
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
        """Wait no more, and serve no more."""
        self._closing.set()
        self._thread.join(2 * _RETRY_SECONDS)
        if self._server is not None:
            self._server.close()

    def reset(self) -> None:
        """Wait no more, as a forked child does."""
        self._closing = threading.Event()
        self._closing.set()

    def _run(self) -> None:
        closing = self._closing
        while not self._wait(closing, _RETRY_SECONDS):
            try:
                server = self._listen()
            except (OSError, RuntimeError):
                # Taken still, or there are no more threads at this moment.
                continue
            self._server = server
            if closing.is_set():
                server.close()
            return
